/**
 * Inputs of the scoring and training graphs for some sequences. What the prompts of a group have in common (its trunk:
 * a system prompt, or the prompt that a chosen and a rejected answer share) goes through the model once; the rest of
 * each sequence is a branch that attends to it.
 */
import { maskNames, maskReaches } from './attention.ts';
import { float32, int64, ropeFeeds } from './feeds.ts';
import type { ModelConfig } from './architecture.ts';
import { firstRow } from './rope.ts';
import type { Tensor } from './session.ts';

/** A prompt and the completion whose tokens are wanted, both as token ids. */
export interface TokenSequence {
  readonly prompt: readonly number[];
  readonly completion: readonly number[];
}

/** Sequences of which each group has as many, in an order of their own. */
interface Groups {
  /** Indices of the members of each group. */
  readonly members: readonly (readonly number[])[];
  /** Tokens of each group's trunk. */
  readonly trunks: readonly number[];
}

/** Tokens that all prompts begin with, short of their last: that one predicts the first token of its completion. */
function commonStart(prompts: readonly (readonly number[])[]): number {
  const [first = []] = prompts;
  let length = Math.min(...prompts.map((prompt) => prompt.length)) - 1;
  for (const prompt of prompts) {
    let same = 0;
    while (same < length && prompt[same] === first[same]) same++;
    length = same;
  }
  return length;
}

function grouped(sequences: readonly TokenSequence[], groups: number, rows: readonly number[]): Groups {
  const members = Array.from({ length: groups }, (_, group) =>
    sequences.map((_, i) => i).filter((i) => i % groups === group),
  );
  if (members.some(({ length }) => length !== sequences.length / groups))
    throw new RangeError('groups need as many sequences each');
  const trunks = members.map((list) =>
    // Where a rope differs between long and short sequences, the same tokens have other keys.
    list.every((i) => rows[i] === rows[list[0] as number])
      ? commonStart(list.map((i) => sequences[i]!.prompt))
      : 0,
  );
  return { members, trunks };
}

/**
 * Sequence i belongs to group i modulo `groups`; one row for each completion token, in the order of the sequences. The
 * last token of a sequence is never fed: nothing follows it.
 */
export function sequenceFeeds(
  { config, tokenizer }: { config: ModelConfig; tokenizer: { readonly paddingToken: number } },
  sequences: readonly TokenSequence[],
  groups = 1,
): Record<string, Tensor> {
  if (sequences.some(({ prompt, completion }) => prompt.length === 0 || completion.length === 0))
    throw new RangeError('a sequence needs a prompt and a completion');
  const lengths = sequences.map(({ prompt, completion }) => prompt.length + completion.length - 1);
  const longest = Math.max(...lengths);
  const firstRows = lengths.map((length) => firstRow(config.ropes, length, longest));
  const { members, trunks } = grouped(sequences, groups, firstRows);
  const k = sequences.length / groups;
  const s = Math.max(1, ...trunks);
  const t = Math.max(...members.flatMap((list, group) => list.map((i) => lengths[i]! - trunks[group]!)));
  const n = groups * (s + k * t);
  const ids = new Array<number>(n).fill(tokenizer.paddingToken);
  const positions = new Array<number>(n).fill(0);
  const starts: number[] = []; // the row that a sequence's position 0 would have if it were a branch alone
  members.forEach((list, group) => {
    const trunk = trunks[group] as number;
    const put = (at: number, i: number, from: number, to: number): void => {
      const { prompt, completion } = sequences[i] as TokenSequence;
      for (let position = from; position < to; position++) {
        const token = position < prompt.length ? prompt[position] : completion[position - prompt.length];
        ids[at + position - from] = token as number;
        positions[at + position - from] = (firstRows[i] as number) + position;
      }
    };
    put(group * s, list[0] as number, 0, trunk);
    list.forEach((i, branch) => {
      const at = groups * s + (group * k + branch) * t;
      put(at, i, trunk, lengths[i] as number);
      starts[i] = at - trunk;
    });
  });
  const rows = sequences.flatMap(({ prompt, completion }, i) =>
    completion.map((_, j) => starts[i]! + prompt.length - 1 + j),
  );
  const labels = sequences.flatMap(({ completion }) => completion);
  return {
    ids: int64(ids, [n]),
    rows: int64(rows, [rows.length]),
    labels: int64(labels, [labels.length]),
    positions: int64(positions, [n, 1]),
    ...maskFeeds(config.window, { trunks, k, s, t }),
    ...ropeFeeds(config, longest),
  };
}

/** (length, length): 0 from the diagonal down, over at most `window` positions, -1e9 elsewhere. */
export function causalMask(length: number, window: number): Float32Array {
  const mask = new Float32Array(length * length).fill(-1e9);
  for (let i = 0; i < length; i++) mask.fill(0, i * length + Math.max(0, i + 1 - window), i * length + i + 1);
  return mask;
}

/**
 * (rows, columns): what positions that follow `past` others see of those, within `reach`: 0, else -1e9; also on the columns
 * beyond `past`.
 */
export function pastMask(rows: number, columns: number, past: number, reach: number): Float32Array {
  const mask = new Float32Array(rows * columns).fill(-1e9);
  for (let i = 0; i < rows; i++) {
    const first = Math.max(0, past + i + 1 - reach);
    if (first < past) mask.fill(0, i * columns + first, i * columns + past);
  }
  return mask;
}

function maskFeeds(
  window: number | null,
  { trunks, k, s, t }: { trunks: readonly number[]; k: number; s: number; t: number },
): Record<string, Tensor> {
  /** (E, K, 1, 1, T, S): what each branch sees of its trunk. */
  const shared = (reach: number): Float32Array => {
    const mask = new Float32Array(trunks.length * k * t * s);
    trunks.forEach((trunk, group) => {
      const block = pastMask(t, s, trunk, reach);
      for (let branch = 0; branch < k; branch++) mask.set(block, (group * k + branch) * t * s);
    });
    return mask;
  };
  const feeds: Record<string, Tensor> = {};
  for (const [which, reach] of maskReaches(window)) {
    feeds[maskNames('trunk')[which]] = float32(causalMask(s, reach), [s, s]);
    feeds[maskNames('own')[which]] = float32(causalMask(t, reach), [t, t]);
    feeds[maskNames('shared')[which]] = float32(shared(reach), [trunks.length, k, 1, 1, t, s]);
  }
  return feeds;
}
