/** Keys, from the environment to the request and nowhere else: what they are is known here, so that it can be taken out of texts. */
import { TemperError } from '../core/errors.ts';
import { headerProblem } from './http.ts';
import { CREDENTIAL, type SecretReference } from './settings.ts';

/** The environment, read by name. */
export type Environment = (name: string) => string | undefined;

const MARK = '[redacted]';
/** A shorter value would take harmless words out of texts. */
const SHORTEST = 6;

export class Secrets {
  readonly #environment: Environment;
  readonly #names: readonly string[];
  readonly #values = new Set<string>();

  /** `names`: the variables that there are, for programs that inherit them. */
  constructor(environment: Environment, names: readonly string[] = []) {
    this.#environment = environment;
    this.#names = names;
  }

  /** Where programs are looked for. */
  get path(): string {
    return this.#environment('PATH') ?? '';
  }

  /**
   * The environment of a program: all variables but those whose names look like keys, and those that it is allowed. What
   * it is allowed is taken out of texts, as it may print it. Errors: `config` for one that is not set.
   */
  forProgram(allowed: readonly string[]): Record<string, string> {
    const inherited = this.#names.filter((name) => !CREDENTIAL.test(name));
    const all: Record<string, string> = {};
    for (const name of [...inherited, ...allowed]) {
      const value = this.#environment(name);
      if (value !== undefined) all[name] = value;
    }
    for (const name of allowed) {
      const value = all[name]?.trim() ?? '';
      if (value === '')
        throw new TemperError('config', `target.command.env names ${name}, which is not set`, {
          hint: 'Set it, or leave it out.',
        });
      this.#values.add(value);
    }
    return all;
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
