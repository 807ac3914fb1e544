/** Trains the embedded judge's models from examples; train.ts ships the result, evaluate.ts measures variants of it. */
import { createHash } from 'node:crypto';
import { answerRow, promptRow } from '../../src/judges/harm-features.ts';
import { groundingRow } from '../../src/judges/grounding-features.ts';
import { COLUMNS } from '../../src/judges/hashing.ts';
import type { Row } from '../../src/judges/hashing.ts';
import { refusalRow } from '../../src/judges/refusal-features.ts';
import {
  harmSignals,
  jointRefusalRow,
  jointRow,
  refusalProbabilities,
  stackRow,
} from '../../src/judges/scoring.ts';
import { VECTORS, quantise, weightsFrom } from '../../src/judges/weights.ts';
import type { Weights, WeightsFile } from '../../src/judges/weights.ts';
import { read } from '../../src/judges/embedded.ts';
import type { GroundingExample, HarmExample, PromptExample, RefusalExample, ToxicExample } from './data.ts';
import type { ScoresOf } from './encoder-scores.ts';
import { trainDense, trainLogistic, trainSoftmax } from './logistic.ts';

export interface Corpus {
  readonly refusal: readonly RefusalExample[];
  readonly prompts: readonly PromptExample[];
  readonly harm: readonly HarmExample[];
  readonly pairs: readonly { group: string; prompt: string; better: string; worse: string }[];
  readonly toxic: readonly ToxicExample[];
  readonly grounding: readonly GroundingExample[];
}

const rowCache = new Map<string, Row>();
/** Rows are the same in every fold: made once. */
function cached(kind: string, prompt: string, response: string): Row {
  const key = createHash('sha1').update(`${kind}\0${prompt}\0${response}`).digest('base64');
  let row = rowCache.get(key);
  if (row === undefined) {
    const texts = read({ prompt, response });
    row = kind.startsWith('refusal')
      ? refusalRow(texts.prompt, texts.response, kind === 'refusal-shape')
      : kind === 'prompt'
        ? promptRow(texts.prompt)
        : answerRow(texts.response);
    rowCache.set(key, row);
  }
  return row;
}

export function foldOf(group: string, folds: number, salt: string = ''): number {
  return createHash('sha1').update(`${salt}${group}`).digest().readUInt32LE(0) % folds;
}

export function trainRefusal(rows: readonly RefusalExample[]): Float32Array[] {
  const kinds = ['refusal', 'refusal-shape'] as const;
  return trainSoftmax(
    kinds.flatMap((kind) => rows.map((row) => cached(kind, row.prompt, row.response))),
    kinds.flatMap(() => rows.map((row) => row.target)),
    kinds.flatMap((kind) => rows.map((row) => row.weight * (kind === 'refusal' ? 1 : 0.5))),
  );
}
export function trainPrompt(rows: readonly PromptExample[]): Float32Array {
  return trainLogistic(
    rows.map((row) => cached('prompt', row.prompt, '')),
    rows.map((row) => row.harmful),
    rows.map((row) => row.weight),
  );
}
function trainAnswer(all: readonly HarmExample[], pairs: Corpus['pairs']): Float32Array {
  const rows = all.filter((row) => row.weight > 0);
  return trainLogistic(
    rows.map((row) => cached('answer', '', row.response)),
    rows.map((row) => row.harmful),
    rows.map((row) => row.weight),
    {},
    pairs.map((pair) => ({
      better: cached('answer', '', pair.better),
      worse: cached('answer', '', pair.worse),
      weight: 1,
    })),
  );
}
function trainToxic(rows: readonly ToxicExample[]): Float32Array {
  return trainLogistic(
    rows.map((row) => cached('answer', '', row.text)),
    rows.map((row) => row.target),
    rows.map((row) => row.weight),
    { epochs: 5 },
  );
}

/** The judge's `joint.clear`, set by hand. */
export const CLEAR = 0.97;

export const emptyFile: WeightsFile = {
  kind: 'embedded',
  version: '0',
  sha256: '',
  columns: COLUMNS,
  scales: { 'refusal.full': 0, 'refusal.partial': 0, 'refusal.none': 0, prompt: 0, answer: 0, toxic: 0 },
  stack: [],
  grounding: [[], []],
  thresholds: { refusal: 0.5, harm: { low: 0.42, high: 0.58 } },
  temperature: 1,
  agreement: '',
  trainedOn: {},
};

/** Quantised exactly as shipped. */
export function pack(vectors: readonly Float32Array[]): { scales: WeightsFile['scales']; bytes: Uint8Array } {
  const bytes = new Uint8Array(VECTORS.length * COLUMNS);
  const scales = { ...emptyFile.scales };
  VECTORS.forEach((name, i) => {
    const vector = vectors[i];
    if (vector === undefined) return;
    const packed = quantise(vector);
    scales[name] = packed.scale;
    bytes.set(new Uint8Array(packed.bytes.buffer), i * COLUMNS);
  });
  return { scales, bytes };
}

export function sparseWeights(corpus: Pick<Corpus, 'refusal' | 'prompts' | 'harm' | 'pairs' | 'toxic'>): {
  weights: Weights;
  bytes: Uint8Array;
} {
  const vectors = [
    ...trainRefusal(corpus.refusal),
    trainPrompt(corpus.prompts),
    trainAnswer(corpus.harm, corpus.pairs),
    trainToxic(corpus.toxic),
  ];
  const { scales, bytes } = pack(vectors);
  return { weights: weightsFrom({ ...emptyFile, scales }, bytes), bytes };
}

/** Second stages: of the linear models alone, and with the encoder for the rows that it scored. */
export interface Stages {
  readonly stack: number[];
  readonly joint?: NonNullable<WeightsFile['joint']>;
}

/**
 * The second stages learn from predictions on rows that the first stage was not trained on (stacking): the linear models in
 * 3 folds by prompt, the encoder by halves of the data sets (encoder-scores.ts).
 */
export function trainStages(corpus: Corpus, encoder?: ScoresOf, folds: number = 3): Stages {
  const harm = { rows: [] as number[][], targets: [] as number[], weights: [] as number[] };
  const joint = { rows: [] as number[][], targets: [] as number[], weights: [] as number[] };
  const refusal = { rows: [] as number[][], targets: [] as (readonly number[])[], weights: [] as number[] };
  for (let fold = 0; fold < folds; fold++) {
    const out = <T extends { group: string }>(list: readonly T[]): T[] =>
      list.filter((row) => foldOf(row.group, folds, 'stack') !== fold);
    const inside = (row: { group: string }) => foldOf(row.group, folds, 'stack') === fold;
    const first = sparseWeights({
      refusal: out(corpus.refusal),
      prompts: out(corpus.prompts),
      harm: out(corpus.harm),
      pairs: out(corpus.pairs),
      toxic: out(corpus.toxic),
    }).weights;
    for (const row of corpus.harm.filter(inside)) {
      const texts = read(row);
      if (texts.degenerate !== undefined) continue;
      const signals = harmSignals(first, texts.prompt, texts.response);
      const weight = row.stackWeight ?? row.weight;
      harm.rows.push(stackRow(signals));
      harm.targets.push(row.harmful);
      harm.weights.push(weight);
      const scores = encoder?.(row);
      if (scores === undefined) continue;
      joint.rows.push(jointRow(signals, scores));
      joint.targets.push(row.harmful);
      joint.weights.push(weight);
    }
    for (const row of corpus.refusal.filter(inside)) {
      const scores = encoder?.(row);
      if (scores === undefined) continue;
      const texts = read(row);
      refusal.rows.push(jointRefusalRow(refusalProbabilities(first, texts.prompt, texts.response), scores));
      refusal.targets.push(row.target);
      refusal.weights.push(row.weight);
    }
  }
  return {
    stack: trainDense(harm.rows, harm.targets, harm.weights),
    ...(encoder && {
      joint: {
        clear: CLEAR,
        harm: trainDense(joint.rows, joint.targets, joint.weights),
        refusal: [0, 1, 2].map((kind) =>
          trainDense(
            refusal.rows,
            refusal.targets.map((target) => target[kind] as number),
            refusal.weights,
          ),
        ) as [number[], number[], number[]],
      },
    }),
  };
}

const groundingCache = new Map<GroundingExample, Float64Array>();
export function groundingFeatures(row: GroundingExample): Float64Array {
  let features = groundingCache.get(row);
  if (features === undefined) {
    features = groundingRow(row.context, row.prompt, row.response);
    groundingCache.set(row, features);
  }
  return features;
}

export function trainGrounding(rows: readonly GroundingExample[]): [number[], number[]] {
  const count = new Map<string, number>();
  for (const row of rows) count.set(row.source, (count.get(row.source) ?? 0) + 1);
  const features = rows.map(groundingFeatures);
  // Each source counts the same; summedits' edits of one word are beyond lexical features and count a third.
  const weights = rows.map(
    (row) => (row.source === 'summedits' ? 100 : 300) / (count.get(row.source) as number),
  );
  return [1, 3].map((cut) =>
    trainDense(
      features,
      rows.map((row) => (row.level >= cut ? 1 : 0)),
      weights,
      { steps: 600 },
    ),
  ) as [number[], number[]];
}
