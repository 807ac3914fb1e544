/**
 * What the encoder says of its training rows, by a model that did not see the row's data set: encoder.py's `without-0` scores
 * the sets of half 0, `without-1` those of half 1.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EncoderScores } from '../../src/judges/encoder.ts';
import { OUTPUTS } from '../../src/judges/encoder.ts';
import { read } from '../../src/judges/embedded.ts';
import type { EncoderRow } from './encoder-data.ts';

const lines = <T>(path: string): T[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
/** As the judge reads it now: what the encoder was given may be of an earlier version. */
const keyOf = (row: { prompt: string; response: string }): string => {
  const { prompt, response } = read(row);
  return `${prompt}\0${response}`;
};

export type ScoresOf = (row: { prompt: string; response: string }) => EncoderScores | undefined;

/** `folder` holds rows.jsonl, without-0 and without-1. */
export function outOfSet(folder: string): ScoresOf {
  const rows = lines<EncoderRow>(join(folder, 'rows.jsonl'));
  const halves = [0, 1].map((half) =>
    lines<{ z?: number[]; other?: number[] }>(join(folder, `without-${half}/scores.jsonl`)),
  );
  const scores = new Map<string, EncoderScores>();
  const named = (z: readonly number[]) =>
    Object.fromEntries(OUTPUTS.map((name, i) => [name, z[i]])) as EncoderScores;
  rows.forEach((row, i) => {
    const found = halves[row.split]?.[i];
    if (!found?.z) throw new Error(`${folder}: no scores for row ${i}`);
    scores.set(keyOf(row), named(found.z));
    if (row.other !== undefined && found.other)
      scores.set(keyOf({ prompt: row.prompt, response: row.other }), named(found.other));
  });
  return (row) => scores.get(keyOf(row));
}
