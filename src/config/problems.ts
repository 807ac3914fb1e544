/** What is wrong with a configuration, as people are told: the place, and for a key that is not known the one that may be meant. */
import type { z } from 'zod';

export interface Problem {
  /** Keys with dots between them. */
  readonly path: string;
  readonly message: string;
}

/** One for each key that is not known; else the issue itself. */
export function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType): Problem[] {
  const at = issue.path.map(String);
  if (issue.code === 'invalid_key')
    return issue.issues.map(({ message }) => ({ path: at.join('.'), message }));
  if (issue.code !== 'unrecognized_keys') return [{ path: at.join('.'), message: issue.message }];
  return issue.keys.map((key) => {
    const meant = meantBy(schema, at, key);
    const guess = meant.length === 0 ? '' : `; did you mean ${meant.join(' or ')}?`;
    return { path: [...at, key].join('.'), message: `no such key${guess}` };
  });
}

/** Keys that JavaScript keeps for itself, which schemas of free names pass over in silence: by their paths. */
export function keptKeys(value: unknown, path: readonly string[] = []): Problem[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) => [
    ...(key === '__proto__' ? [{ path: [...path, key].join('.'), message: 'no such key' }] : []),
    ...keptKeys(below, [...path, key]),
  ]);
}

/** Whether one path is the other or lies below it. */
export const overlap = (a: string, b: string): boolean =>
  `${a}.`.startsWith(`${b}.`) || `${b}.`.startsWith(`${a}.`);

/** What a schema says inside of what may be left out, defaulted or null. */
function inner(schema: z.ZodType): z.ZodType {
  let at = schema as z.ZodType & { def: { innerType?: z.ZodType } };
  while (at.def.innerType) at = at.def.innerType as typeof at;
  return at;
}

/** Keys of an object by their schemas; none where it is no object. */
const shapeOf = (schema: z.ZodType): Readonly<Record<string, z.ZodType>> =>
  (inner(schema) as { shape?: Record<string, z.ZodType> }).shape ?? {};

/** What stands below a key: of an object by its name, of a record or list in any case. */
function below(schema: z.ZodType | undefined, key: string): z.ZodType | undefined {
  if (!schema) return undefined;
  const { def } = inner(schema) as { def: { valueType?: z.ZodType; element?: z.ZodType } };
  const { [key]: named } = shapeOf(schema);
  return named ?? def.valueType ?? def.element;
}

/** Guesses at most. */
const MOST = 3;

/** Keys beside it that are written nearly so; else keys of that name anywhere, by their paths. */
function meantBy(schema: z.ZodType, path: readonly string[], key: string): string[] {
  // A variant's recipes have the keys of the recipes.
  const [first, second, , ...rest] = path;
  const isRecipe = first === 'training' && second === 'variants' && ['sft', 'dpo'].includes(rest[0] ?? '');
  const at = isRecipe ? [first, ...rest] : path;
  let found: z.ZodType | undefined = schema;
  for (const each of at) found = below(found, each);
  const near = Object.keys(found ? shapeOf(found) : {})
    .map((name) => ({ name, most: Math.max(1, Math.min(name.length, key.length) / 3) }))
    // No distance is less than the difference of the lengths, and a key may be as long as a file.
    .filter(({ name, most }) => Math.abs(name.length - key.length) <= most)
    .map(({ name, most }) => ({ name, most, distance: editDistance(name.toLowerCase(), key.toLowerCase()) }))
    .filter(({ most, distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance);
  const nearest = near.filter(({ distance }) => distance === near[0]!.distance).map(({ name }) => name);
  const meant = nearest.length > 0 ? nearest : pathsOf(schema, key);
  return meant.length <= MOST ? meant : [];
}

function pathsOf(schema: z.ZodType, key: string, path: readonly string[] = []): string[] {
  return Object.entries(shapeOf(schema)).flatMap(([name, child]) => {
    const own = [...path, name];
    return [...(name === key ? [own.join('.')] : []), ...pathsOf(child, key, own)];
  });
}

/** Letters put in, left out, replaced, or swapped with their neighbour (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const best = Math.min(changed, rows[i - 1]![j]! + 1, row[j - 1]! + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(swapped ? Math.min(best, rows[i - 2]![j - 2]! + 1) : best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
