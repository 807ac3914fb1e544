/** Judges by kind. A new judge is one file and one line here. */
import { TemperError } from '../core/errors.ts';
import type { OpenRole } from '../models/role.ts';
import { embeddedJudge } from './embedded.ts';
import type { Judge } from './judge.ts';
import { RubricJudge } from './rubric.ts';

interface JudgeKind {
  /** What follows the colon of `kind:argument`: nothing, or which model. */
  readonly takes: 'nothing' | 'model';
  open(model: string, openRole: OpenRole): Promise<Judge>;
}

export const JUDGES: Readonly<Record<string, JudgeKind>> = {
  embedded: { takes: 'nothing', open: () => Promise.resolve(embeddedJudge()) },
  rubric: { takes: 'model', open: async (model, openRole) => new RubricJudge(await openRole(model)) },
};

/** The kind of a judge and the model that it calls; null: none. Errors: `config`. */
export function judgeSpec(spec: string): { kind: JudgeKind; model: string | null } {
  const at = spec.indexOf(':');
  const name = at < 0 ? spec : spec.slice(0, at);
  const kind = Object.hasOwn(JUDGES, name) ? JUDGES[name] : undefined;
  if (!kind)
    throw new TemperError('config', `unknown judge \`${name}\``, {
      hint: `Kinds: ${Object.keys(JUDGES).join(', ')}.`,
    });
  const model = at < 0 ? '' : spec.slice(at + 1);
  if (kind.takes === 'nothing') {
    if (at >= 0) throw new TemperError('config', `the judge \`${name}\` takes nothing behind a colon`);
    return { kind, model: null };
  }
  if (model === '')
    throw new TemperError('config', `the judge \`${name}\` needs a model`, {
      hint: `For example ${name}:openai-compatible:NAME@http://localhost:8000/v1, or ${name}:NAME for a name under \`targets\`.`,
    });
  return { kind, model };
}

/** `spec` is `kind` or `kind:model`. Errors: `config`; those of opening the model. */
export async function createJudge(spec: string, openRole: OpenRole): Promise<Judge> {
  const { kind, model } = judgeSpec(spec);
  return kind.open(model ?? '', openRole);
}
