/**
 * Trains the embedded judge and writes judges/embedded.{json,bin}:
 *   node bench/judge/train.ts DATA_FOLDER [VERSION] [--encoder FOLDER]
 * `--encoder`: with the encoder that README.md makes in that folder; it is copied to judges/encoder*.
 * Only rows under MIT, Apache-2.0, CC-BY or ODC-BY are read (data.ts). Deterministic: the same data gives the same file.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
import { outOfSet } from './encoder-scores.ts';
import { emptyFile, sparseWeights, trainGrounding, trainStages } from './pipeline.ts';

const argv = process.argv.slice(2);
const encoderAt = argv.indexOf('--encoder');
const encoder = encoderAt < 0 ? undefined : argv.splice(encoderAt, 2)[1];
const [root, version = encoder === undefined ? '1.2' : '2.4'] = argv;
if (root === undefined) {
  console.error('usage: node bench/judge/train.ts DATA_FOLDER [VERSION] [--encoder FOLDER]');
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
const { stack, joint } = trainStages(corpus, encoder === undefined ? undefined : outOfSet(encoder));
const file: WeightsFile = {
  ...emptyFile,
  version,
  sha256: sha256(bytes),
  scales: weights.scales,
  stack: round(stack),
  ...(joint && {
    joint: {
      clear: joint.clear,
      harm: round(joint.harm),
      refusal: joint.refusal.map(round) as [number[], number[], number[]],
    },
  }),
  grounding: [round(some), round(most)],
  agreement,
  trainedOn,
};
if (encoder !== undefined)
  for (const name of ['encoder.bin', 'encoder.json', 'encoder-tokenizer.json'])
    copyFileSync(join(encoder, 'full', name), new URL(name, base));
writeFileSync(new URL('embedded.bin', base), bytes);
writeFileSync(new URL('embedded.json', base), `${JSON.stringify(file, null, 1)}\n`);
console.log(
  `wrote judges/embedded.{json,bin}, ${bytes.length} bytes, ${((Date.now() - started) / 1000).toFixed(0)} s`,
);
