/** Data that comes as JSON files: suites, taxonomies, prompts. Read, validated, every problem reported at once. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { TemperError, errorMessage } from '../core/errors.ts';

/**
 * Reads a JSON data file and validates it with `schema`, reporting all problems at once, one a line, each with the
 * item's name (from `nameOf`) and the field.
 */
export function parseData<S extends z.ZodType>(
  path: string,
  schema: S,
  what: string,
  nameOf: (raw: unknown, issuePath: readonly PropertyKey[]) => string = (_, issuePath) =>
    issuePath.map(String).join('.'),
): z.infer<S> {
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new TemperError('data', `${path}: cannot read the ${what} (${errorMessage(cause)})`, {
      hint: 'Check that the file exists and is valid JSON.',
      cause,
    });
  }
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `  ${nameOf(raw, issue.path)}: ${issue.message}`);
  throw new TemperError(
    'data',
    `${path}: ${problems.length} problem${problems.length === 1 ? '' : 's'} in the ${what}\n${problems.join('\n')}`,
    { hint: 'Mend the fields named above; every problem of the file is listed.', cause: result.error },
  );
}

/** `leaves.3.name` as `leaves 'theft', field name`: people know items by id or key, not by position. */
export function namedItem(raw: unknown, path: readonly PropertyKey[], idField: string): string {
  const [list, index, ...field] = path;
  if (typeof index !== 'number') return path.map(String).join('.') || 'file';
  const item = (raw as Record<PropertyKey, unknown[] | undefined>)[list as string]?.[index] as
    | Record<string, unknown>
    | undefined;
  const id = item?.[idField];
  const name = typeof id === 'string' ? `'${id}'` : `number ${index + 1}`;
  return `${String(list)} ${name}${field.length > 0 ? `, field ${field.map(String).join('.')}` : ''}`;
}
