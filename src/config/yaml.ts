/** YAML as plain values, with all that is wrong with it at once. */
import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { errorMessage, TemperError } from '../core/errors.ts';

/** Errors: `config`, naming each line; also for an alias that names nothing, or that expands to too much. */
export function parseYaml(text: string, where: string): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const at = (position: number): string =>
    text.includes('\n') ? `${where}, line ${lineCounter.linePos(position).line}` : where;
  const problems = document.errors.map(({ message, pos }) => `${at(pos[0])}: ${message}`);
  if (problems.length === 0) {
    try {
      return document.toJS() as unknown;
    } catch (error) {
      problems.push(`${where}: ${errorMessage(error)}`);
    }
  }
  throw new TemperError('config', problems.join('\n'), {
    hint: 'Mend the YAML syntax; a text with special characters stands in quotes.',
  });
}

/** A YAML file that maps keys to values; an empty one has none. Errors: `config`; `hint` for a file that cannot be read. */
export function readYaml(file: string, hint: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TemperError('config', `cannot read ${file}: ${errorMessage(cause)}`, { hint, cause });
  }
  const value = parseYaml(text, file) ?? {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TemperError('config', `${file} is not a mapping of keys to values`);
  }
  return value as Record<string, unknown>;
}
