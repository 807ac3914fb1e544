/** The keys of a model's configuration, read with checks: values come from files that others wrote. */
import { TemperError } from '../core/errors.ts';

export type Values = Readonly<Record<string, unknown>>;

export class Settings {
  readonly source: string;
  readonly #values: Values;
  readonly #defaults: Values;

  /** `source` names the file in errors; a key that is absent or null in `values` is looked up in `defaults`. */
  constructor(source: string, values: Values, defaults: Values = {}) {
    this.source = source;
    this.#values = values;
    this.#defaults = defaults;
  }

  /** Every key that has a value. */
  get values(): Values {
    return { ...this.#defaults, ...this.#values };
  }

  withDefaults(defaults: Values): Settings {
    return new Settings(this.source, this.#values, { ...defaults, ...this.#defaults });
  }

  fail(
    what: string,
    hint = 'The file is damaged, or written for a model that temper does not know.',
  ): TemperError {
    return new TemperError('model', `${this.source}: ${what}`, { hint });
  }

  /** The value of a key, or its default; null counts as a value, and as absent where it has none. */
  get(key: string): unknown {
    if (Object.hasOwn(this.#values, key)) return this.#values[key];
    return Object.hasOwn(this.#defaults, key) ? this.#defaults[key] : undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined && this.get(key) !== null;
  }

  /** A positive, finite number. */
  number(key: string, fallback?: number): number {
    const value = this.has(key) ? this.get(key) : fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.fail(
      `'${key}' is missing or not a positive number`,
      'Is this a complete language model (not an adapter or a vocabulary file)?',
    );
  }

  /** A positive whole number up to `most`. */
  whole(key: string, fallback?: number, most = 2 ** 31): number {
    const value = this.number(key, fallback);
    if (Number.isInteger(value) && value <= most) return value;
    throw this.fail(`'${key}' is ${value}, not a whole number up to ${most}`);
  }

  optional(key: string): number | null {
    return this.has(key) ? this.number(key) : null;
  }

  flag(key: string): boolean {
    return this.get(key) === true;
  }

  text(key: string): string | null {
    const value = this.get(key);
    return typeof value === 'string' ? value : null;
  }

  /** A list whose items pass `is`; null where the key is absent. */
  list<T>(key: string, is: (item: unknown) => item is T): readonly T[] | null {
    if (!this.has(key)) return null;
    const value = this.get(key);
    if (Array.isArray(value) && value.every(is)) return value;
    throw this.fail(`'${key}' is not a list of the right kind`);
  }

  /** A record inside; null where the key is absent. */
  record(key: string): Settings | null {
    if (!this.has(key)) return null;
    const value = this.get(key);
    if (typeof value === 'object' && !Array.isArray(value))
      return new Settings(`${this.source}, ${key}`, value as Values);
    throw this.fail(`'${key}' is not a record`);
  }
}

export const isNumber = (item: unknown): item is number => typeof item === 'number' && Number.isFinite(item);
export const isText = (item: unknown): item is string => typeof item === 'string';
