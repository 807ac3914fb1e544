/**
 * Content hashes. An id is the hash of everything that determines a record, so equal ids mean equal work:
 * resume, caching and comparability all follow from it.
 */
import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** JSON with object keys sorted and `undefined` members dropped: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new TypeError(`cannot hash the number ${value}`);
    }
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`cannot hash a ${typeof value}`);
    return text;
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  // The order of sort() is that of UTF-16 units.
  const members = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const key of Object.keys(members).sort())
    if (members[key] !== undefined)
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(members[key])}`;
  return `{${text}}`;
}

/** SHA-256 of the canonical JSON, first 20 hex digits (80 bits: no collision to expect below 10^11 records). */
export function contentHash(value: unknown): string {
  return sha256(canonicalJson(value)).slice(0, 20);
}

/** A change of the program that changes what it asks, trains or makes of it gets a new number. */
export const PROGRAM = 'temper/4';

/**
 * Id of what the program's own doing shapes as well: runs, trainings, conversations. What another version left in a store is
 * not taken for this one's, so that no comparison is of two programs.
 */
export const resultHash = (value: unknown): string => contentHash({ program: PROGRAM, of: value });

/** SHA-256 of a file of any size, 64 hex digits. Errors: the system's. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** SHA-256 of text or bytes, 64 hex digits. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}
