/**
 * Trains the embedded judge and writes judges/embedded.{json,bin}:
 *   node bench/judge/train.ts DATA_FOLDER [VERSION]
 * Only rows under MIT, Apache-2.0, CC-BY or ODC-BY are read (data.ts). Deterministic: the same data gives the same file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { sha256 } from '../../src/core/ids.ts';
import type { WeightsFile } from '../../src/judges/weights.ts';
import {
  grounding,
  harmPairs,
  trainingHarm,
  trainingPrompts,
  trainingRefusal,
  trainingToxic,
} from './data.ts';
import { emptyFile, sparseWeights, trainGrounding, trainStack } from './pipeline.ts';

const [root, version = '1.2'] = process.argv.slice(2);
if (root === undefined) {
  console.error('usage: node bench/judge/train.ts DATA_FOLDER [VERSION]');
  process.exit(2);
}
const started = Date.now();
const corpus = {
  refusal: trainingRefusal(root),
  prompts: trainingPrompts(root),
  harm: trainingHarm(root),
  pairs: harmPairs(root),
  toxic: trainingToxic(root),
  grounding: grounding(root),
};
const trainedOn: Record<string, number> = {};
for (const [part, rows] of Object.entries(corpus)) {
  for (const row of rows) {
    const name = `${part}: ${'source' in row ? row.source : 'hh-rlhf'}`;
    trainedOn[name] = (trainedOn[name] ?? 0) + 1;
  }
}
const { weights, bytes } = sparseWeights(corpus);
const round = (list: readonly number[]) => list.map((one) => Number(one.toPrecision(6)));
const [some, most] = trainGrounding(corpus.grounding);
const base = new URL('../../judges/', import.meta.url);
let agreement = '';
try {
  agreement = (JSON.parse(readFileSync(new URL('embedded.json', base), 'utf8')) as WeightsFile).agreement;
} catch {
  // The first training: evaluate.ts has measured nothing yet.
}
const file: WeightsFile = {
  ...emptyFile,
  version,
  sha256: sha256(bytes),
  scales: weights.scales,
  stack: round(trainStack(corpus)),
  grounding: [round(some), round(most)],
  agreement,
  trainedOn,
};
writeFileSync(new URL('embedded.bin', base), bytes);
writeFileSync(new URL('embedded.json', base), `${JSON.stringify(file, null, 1)}\n`);
console.log(
  `wrote judges/embedded.{json,bin}, ${bytes.length} bytes, ${((Date.now() - started) / 1000).toFixed(0)} s`,
);
