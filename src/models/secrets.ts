/** Keys, from the environment to the request and nowhere else: what they are is known here, so that it can be taken out of texts. */
import { TemperError } from '../core/errors.ts';
import { headerProblem } from './http.ts';
import type { SecretReference } from './settings.ts';

/** The environment, read by name. */
export type Environment = (name: string) => string | undefined;

const MARK = '[redacted]';
/** A shorter value would take harmless words out of texts. */
const SHORTEST = 6;

export class Secrets {
  readonly #environment: Environment;
  readonly #values = new Set<string>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The value of a variable, or undefined if it is not set or empty. Errors: `config` for one that no header can carry. */
  optional(name: string): string | undefined {
    const value = this.#environment(name)?.trim();
    if (value === undefined || value === '') return undefined;
    if (headerProblem('authorization', value) !== null)
      throw new TemperError(
        'config',
        `the environment variable ${name} holds a character that no key has, perhaps an invisible one or a line break`,
        { hint: 'Set it anew, without what was copied along.' },
      );
    this.#values.add(value);
    return value;
  }

  /** The value of a variable with its prefix. Errors: `config`, naming the variable. */
  require(reference: SecretReference, purpose: string): string {
    const value = this.optional(reference.env);
    if (value !== undefined) return `${reference.prefix ?? ''}${value}`;
    throw new TemperError(
      'config',
      `${purpose} needs the environment variable ${reference.env}, which is not set`,
      {
        hint: `Set it, or name another one with --set target.apiKey.env=NAME.`,
      },
    );
  }

  /** A text without the keys that were handed out, as they are or as JSON or a URL writes them. */
  redact(text: string): string {
    let clean = text;
    for (const value of this.#values) {
      if (value.length < SHORTEST) continue;
      for (const form of new Set([value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]))
        if (clean.includes(form)) clean = clean.replaceAll(form, MARK);
    }
    return clean;
  }
}
