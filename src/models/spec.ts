/** `provider:model@address`, as `--target` and `target.model` write it. */
import { TemperError } from '../core/errors.ts';

export interface ModelSpec {
  readonly provider: string;
  readonly model: string;
  readonly baseUrl?: string;
}

/** Splits at the first colon, and at the last `@` before an http address: names of models may hold both. */
export function parseSpec(spec: string): ModelSpec {
  const at = spec.search(/@https?:\/\/(?!.*@https?:\/\/)/);
  const named = at < 0 ? spec : spec.slice(0, at);
  const colon = named.indexOf(':');
  const provider = colon < 0 ? named : named.slice(0, colon);
  const model = colon < 0 ? '' : named.slice(colon + 1);
  if (provider === '')
    throw new TemperError('config', `'${spec}' does not say provider:model`, {
      hint: 'For example: openai-compatible:NAME@http://localhost:8000/v1',
    });
  return { provider, model, ...(at < 0 ? {} : { baseUrl: spec.slice(at + 1) }) };
}
