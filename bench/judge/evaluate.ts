/**
 * Measures the embedded judge on rows it was not trained on:
 *   node bench/judge/evaluate.ts DATA_FOLDER [refusal|prompt|harm|grounding ...] [--encoder FOLDER] [--sample N] [--json FILE] [--record]
 * `--record` writes the sentence of agreement that the judge shows into judges/embedded.json (after a full run).
 * Rows named `linear` are judged without the encoder, the others with it. `--encoder`: the folder that README.md makes; without it the
 * sets that the encoder learnt from are measured by the linear models alone, the others as ever.
 * `--sample`: at most N rows of each set that the shipped encoder must read, evenly spread. Sets that training uses are measured by
 * models retrained without them (k folds by prompt, or the whole set left out; the encoder always without the whole set).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { EmbeddedJudge, embeddedJudge, linearRefusal, read } from '../../src/judges/embedded.ts';
import { Encoder } from '../../src/judges/encoder.ts';
import type { EncoderScores } from '../../src/judges/encoder.ts';
import { promptRow } from '../../src/judges/harm-features.ts';
import {
  dotDense,
  harmSignals,
  jointRefusal,
  jointRefusalRow,
  jointRow,
  sigmoid,
  stackRow,
} from '../../src/judges/scoring.ts';
import type { RefusalProbabilities } from '../../src/judges/scoring.ts';
import { COLUMNS } from '../../src/judges/hashing.ts';
import { weightsFrom } from '../../src/judges/weights.ts';
import type { Weights, WeightsFile } from '../../src/judges/weights.ts';
import { accuracy, auc, kappa, macroF1, spearman } from './agreement.ts';
import * as data from './data.ts';
import { outOfSet } from './encoder-scores.ts';
import type { ScoresOf } from './encoder-scores.ts';
import { trainDense } from './logistic.ts';
import type { HarmExample, RefusalExample } from './data.ts';
import {
  CLEAR,
  emptyFile,
  foldOf,
  groundingFeatures,
  pack,
  sparseWeights,
  trainGrounding,
  trainPrompt,
  trainRefusal,
  trainStages,
} from './pipeline.ts';
import type { Corpus } from './pipeline.ts';

const argv = process.argv.slice(2).filter((argument) => argument !== '--record');
const jsonAt = argv.indexOf('--json');
const jsonFile = jsonAt < 0 ? undefined : argv.splice(jsonAt, 2)[1];
const sampleAt = argv.indexOf('--sample');
const sample = sampleAt < 0 ? Infinity : Number(argv.splice(sampleAt, 2)[1]);
const folderAt = argv.indexOf('--encoder');
const folder = folderAt < 0 ? undefined : argv.splice(folderAt, 2)[1];
const [root, ...only] = argv;
// The sentence needs rows of sets that the encoder learnt from.
if (root === undefined || (process.argv.includes('--record') && folder === undefined)) {
  console.error(
    'usage: node bench/judge/evaluate.ts DATA_FOLDER [refusal|prompt|harm|grounding ...] [--encoder FOLDER [--record]] [--sample N] [--json FILE]',
  );
  process.exit(2);
}
const wanted = (part: string) => only.length === 0 || only.includes(part);
const table: Record<string, Record<string, number | string>> = {};
function show(name: string, numbers: Record<string, number | string>): void {
  table[name] = Object.fromEntries(
    Object.entries(numbers).map(([key, one]) => [
      key,
      typeof one === 'number' ? Number(one.toFixed(3)) : one,
    ]),
  );
  console.log(
    name.padEnd(58),
    Object.entries(table[name] ?? {})
      .map(([key, one]) => `${key} ${one}`)
      .join('  '),
  );
}
const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;

/** By the encoder that never saw the row's data set. */
const outOfSetScores: ScoresOf = folder === undefined ? () => undefined : outOfSet(folder);
/** What a row is called whose set the shipped encoder learnt from. */
const kind = folder === undefined ? ', linear' : '';
await using encoder = await Encoder.open(new URL('../../judges/encoder', import.meta.url));
const byShipped = (row: { prompt: string; response: string }) => {
  const { prompt, response } = read(row);
  return encoder.score(prompt, response);
};
const spread = <T>(rows: readonly T[]): T[] => {
  const step = Math.max(1, rows.length / sample);
  return Array.from({ length: Math.min(rows.length, sample) }, (_, i) => rows[Math.floor(i * step)] as T);
};
// ---- refusal ----
const CLASSES = ['full', 'partial', 'none'] as const;
interface RefusalResult {
  row: RefusalExample;
  said: string;
  p: readonly number[];
  scored: boolean;
  degenerate: boolean;
}
function judgeRefusals(weights: Weights, rows: readonly RefusalExample[]): RefusalResult[] {
  const judge = new EmbeddedJudge(weights);
  return rows.map((row) => {
    const texts = read(row);
    const p = linearRefusal(weights, texts.prompt, texts.response);
    const verdict = judge.judgeNow(row, 'refusal');
    return {
      row,
      p,
      scored: verdict.status === 'scored',
      degenerate: verdict.status === 'scored' && verdict.degenerate === true,
      said: (verdict.status === 'scored' ? verdict.refusal : CLASSES[p.indexOf(Math.max(...p))]) as string,
    };
  });
}
/** With the encoder: the second stage learns from the linear models' out-of-fold results of the other folds. */
function withEncoder(results: readonly RefusalResult[]): RefusalResult[] {
  if (folder === undefined) return [...results];
  const folds = 5;
  const rows = results.flatMap((one) => {
    const scores = outOfSetScores(one.row);
    const linear = one.p as unknown as RefusalProbabilities;
    return scores ? [{ one, features: jointRefusalRow(linear, scores) }] : [];
  });
  return Array.from({ length: folds }, (_, fold) => {
    const inside = ({ one }: { one: RefusalResult }) => foldOf(one.row.group, folds, 'evaluate') === fold;
    const rest = rows.filter((row) => !inside(row));
    const stage = [0, 1, 2].map((kind) =>
      trainDense(
        rest.map(({ features }) => features),
        rest.map(({ one }) => one.row.target[kind] as number),
        rest.map(({ one }) => one.row.weight),
      ),
    );
    return rows.filter(inside).map(({ one, features }) => {
      if (one.degenerate || (one.p[0] as number) > CLEAR) return one;
      const p = jointRefusal(stage, features);
      const at = p.indexOf(Math.max(...p));
      return {
        ...one,
        p,
        scored: (p[at] as number) >= emptyFile.thresholds.refusal,
        said: CLASSES[at] as string,
      };
    });
  }).flat();
}
const labelOf = (row: RefusalExample) => CLASSES[row.target.indexOf(Math.max(...row.target))] as string;
function showRefusal(name: string, results: readonly RefusalResult[]): void {
  const scored = results.filter((one) => one.scored);
  const three = (list: readonly RefusalResult[]) => list.map((one) => [labelOf(one.row), one.said] as const);
  const two = (list: readonly RefusalResult[]) =>
    three(list).map(([a, b]) => [a === 'none' ? 0 : 1, b === 'none' ? 0 : 1] as const);
  const labels = results.map((one) => (labelOf(one.row) === 'none' ? 0 : 1));
  show(name, {
    n: results.length,
    unscored: 1 - scored.length / results.length,
    acc2: accuracy(two(scored)),
    acc2all: accuracy(two(results)),
    kappa2: kappa(two(scored)),
    acc3: accuracy(three(scored)),
    f1x3: macroF1(three(scored)),
    f1x3all: macroF1(three(results)),
    auc:
      labels.includes(0) && labels.includes(1)
        ? auc(
            labels,
            results.map((one) => 1 - (one.p[2] as number)),
          )
        : '-',
  });
}
const refusalOnly = (rows: readonly RefusalExample[]): Weights => {
  const { scales, bytes } = pack(trainRefusal(rows));
  return weightsFrom({ ...emptyFile, scales }, bytes);
};
if (wanted('refusal')) {
  const all = data.trainingRefusal(root);
  const folds = 5;
  const byPrompt: RefusalResult[] = [];
  const byBoth: RefusalResult[] = [];
  const response: RefusalResult[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const inside = (row: RefusalExample) => foldOf(row.group, folds, 'evaluate') === fold;
    const rest = all.filter((row) => !inside(row));
    const weights = refusalOnly(rest);
    byPrompt.push(
      ...judgeRefusals(
        weights,
        all.filter(
          (row) => inside(row) && row.source.startsWith('xstest-') && row.source !== 'xstest-response',
        ),
      ),
    );
    response.push(
      ...judgeRefusals(
        weights,
        all.filter((row) => inside(row) && row.source === 'xstest-response'),
      ),
    );
    if (only.includes('quick')) continue;
    for (const model of data.XSTEST_MODELS) {
      const family = model.slice(0, 5);
      const test = all.filter((row) => inside(row) && row.source === `xstest-${model}`);
      byBoth.push(
        ...judgeRefusals(refusalOnly(rest.filter((row) => !row.source.startsWith(`xstest-${family}`))), test),
      );
    }
  }
  showRefusal('refusal: XSTest, 5 folds by prompt, linear', byPrompt);
  if (folder !== undefined) showRefusal('refusal: XSTest, 5 folds by prompt', withEncoder(byPrompt));
  if (byBoth.length > 0) {
    showRefusal('refusal: XSTest, prompt and model family unseen, linear', byBoth);
    if (folder !== undefined)
      showRefusal('refusal: XSTest, prompt and model family unseen', withEncoder(byBoth));
    for (const model of data.XSTEST_MODELS)
      showRefusal(
        `refusal: XSTest ${model}, prompt and family unseen`,
        byBoth.filter((one) => one.row.source === `xstest-${model}`),
      );
  }
  showRefusal('refusal: xstest-response, 5 folds by prompt, linear', response);
  if (folder !== undefined) showRefusal('refusal: xstest-response, 5 folds by prompt', withEncoder(response));
  const confusion = CLASSES.map((label) =>
    CLASSES.map(
      (said) => withEncoder(byPrompt).filter((one) => labelOf(one.row) === label && one.said === said).length,
    ).join('/'),
  ).join(' ');
  show(`refusal: confusion by prompt (rows: full partial none)${kind}`, { confusion });
  const noOwn = refusalOnly(all.filter((row) => row.source !== 'own'));
  showRefusal(
    'refusal: own styles unseen, no own rows in training',
    judgeRefusals(noOwn, data.composedRefusals(200, true)),
  );
  showRefusal(
    'refusal: own styles unseen, topics seen (shipped)',
    judgeRefusals(embeddedJudge().weights, data.composedRefusals(300, true)),
  );
  // Other openings, reasons and offers, and other acts: half of the topics are left out of training.
  const shipped = refusalOnly(
    all.filter((row) => row.source !== 'own' || foldOf(row.group, 2, 'topic') === 0),
  );
  showRefusal(
    'refusal: own styles and topics unseen',
    judgeRefusals(
      shipped,
      data.composedRefusals(400, true).filter((row) => foldOf(row.group, 2, 'topic') === 1),
    ),
  );
  const judge = embeddedJudge();
  const count = (rows: readonly HarmExample[]) => {
    const verdicts = rows.map((row) => judge.judgeNow(row, 'refusal'));
    const scored = verdicts.filter((one) => one.status === 'scored');
    return {
      n: rows.length,
      unscored: 1 - scored.length / rows.length,
      refusals: mean(scored.map((one) => (one.refusal === 'none' ? 0 : 1))),
      degenerate: mean(scored.map((one) => (one.degenerate === true ? 1 : 0))),
    };
  };
  show('refusal: dolly human answers (false refusals)', count(data.dollyAnswers(root)));
}

// ---- prompt harm ----
function promptOnly(rows: readonly data.PromptExample[]): Weights {
  const none = new Float32Array(COLUMNS);
  const { scales, bytes } = pack([none, none, none, trainPrompt(rows)]);
  return weightsFrom({ ...emptyFile, scales }, bytes);
}
if (wanted('prompt')) {
  const all = data.trainingPrompts(root);
  const labels: number[] = [];
  const scores: number[] = [];
  for (let fold = 0; fold < 5; fold++) {
    const rest = all.filter((row) => foldOf(row.group, 5, 'evaluate') !== fold);
    const weights = promptOnly(rest);
    for (const row of data.xstestPrompts(root)) {
      if (foldOf(row.group, 5, 'evaluate') !== fold) continue;
      labels.push(row.harmful);
      scores.push(weights.dot('prompt', promptRow(read({ prompt: row.prompt, response: '' }).prompt)));
    }
  }
  show('prompt harm: XSTest prompts, 5 folds', {
    n: labels.length,
    auc: auc(labels, scores),
    acc: accuracy(labels.map((label, i) => [label, (scores[i] as number) > 0 ? 1 : 0])),
  });
  const weights = promptOnly(all);
  for (const [name, rows] of Object.entries(data.evaluationPrompts(root))) {
    const z = rows.map((row) =>
      weights.dot('prompt', promptRow(read({ prompt: row.prompt, response: '' }).prompt)),
    );
    const truth = rows.map((row) => row.harmful as number);
    show(`prompt harm: ${name}`, {
      n: rows.length,
      auc: auc(truth, z),
      acc: accuracy(truth.map((label, i) => [label, (z[i] as number) > 0 ? 1 : 0])),
    });
  }
}

// ---- harm of the answer ----
interface HarmResult {
  row: HarmExample;
  p: number;
  severity: number | undefined;
  degenerate: boolean;
}
async function judgeHarm(
  weights: Weights,
  rows: readonly HarmExample[],
  scoresOf?: (row: HarmExample) => EncoderScores | undefined | Promise<EncoderScores | undefined>,
): Promise<HarmResult[]> {
  const results: HarmResult[] = [];
  for (const row of rows) {
    const texts = read(row);
    const declined = linearRefusal(weights, texts.prompt, texts.response);
    const signals = harmSignals(weights, texts.prompt, texts.response, declined);
    // A clear refusal is not read by the encoder.
    const scores = signals.refusal[0] > CLEAR ? undefined : await scoresOf?.(row);
    const judge = new EmbeddedJudge(weights, () =>
      Promise.resolve({
        score: () => Promise.resolve(scores as EncoderScores),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    );
    const verdict = scores ? await judge.judge(row, 'severity') : judge.judgeNow(row, 'severity');
    const degenerate = verdict.status === 'scored' && verdict.degenerate === true;
    const z = scores
      ? dotDense(weights.joint?.harm ?? [], jointRow(signals, scores))
      : dotDense(weights.stack, stackRow(signals));
    results.push({
      row,
      p: degenerate ? 0 : sigmoid(z),
      severity: verdict.status === 'scored' ? verdict.severity : undefined,
      degenerate,
    });
  }
  return results;
}
function showHarm(name: string, results: readonly HarmResult[]): void {
  const labels = results.map((one) => one.row.harmful as number);
  const scored = results.filter((one) => one.severity !== undefined);
  const pairs = scored.map(
    (one) => [one.row.harmful as number, (one.severity as number) >= 1 ? 1 : 0] as const,
  );
  const both = labels.includes(0) && labels.includes(1);
  show(name, {
    n: results.length,
    base: mean(labels),
    unscored: 1 - scored.length / results.length,
    auc: both
      ? auc(
          labels,
          results.map((one) => one.p),
        )
      : '-',
    acc: accuracy(pairs),
    f1: both ? macroF1(pairs) : '-',
    kappa: both ? kappa(pairs) : '-',
    flagged: mean(pairs.map(([, said]) => said)),
    degenerate: mean(results.map((one) => (one.degenerate ? 1 : 0))),
  });
}
if (wanted('harm')) {
  const shipped = embeddedJudge().weights;
  for (const [name, rows] of Object.entries(data.evaluationHarm(root))) {
    const some = spread(rows);
    const title = `harm: ${name} (shipped weights, set never trained on)`;
    showHarm(`${title}, linear`, await judgeHarm(shipped, some));
    showHarm(title, await judgeHarm(shipped, some, byShipped));
  }
  const test = data.gptfuzz(root, 'evaluate');
  const seen = new Set(data.gptfuzz(root, 'train').map((row) => row.response.trim()));
  const fresh = spread(test.filter((row) => !seen.has(row.response.trim())));
  showHarm('harm: gptfuzz evaluate, answers not in train.csv, linear', await judgeHarm(shipped, fresh));
  showHarm('harm: gptfuzz evaluate, answers not in train.csv', await judgeHarm(shipped, fresh, byShipped));
  const dolly = spread(data.dollyAnswers(root));
  showHarm('harm: dolly human answers (all harmless), linear', await judgeHarm(shipped, dolly));
  showHarm('harm: dolly human answers (all harmless)', await judgeHarm(shipped, dolly, byShipped));
  const corpus: Corpus = {
    refusal: data.trainingRefusal(root),
    prompts: data.trainingPrompts(root),
    harm: data.trainingHarm(root),
    pairs: data.harmPairs(root),
    toxic: data.trainingToxic(root),
    grounding: [],
  };
  const retrain = (keep: (row: { source?: string; group: string }) => boolean): Weights => {
    const part: Corpus = {
      refusal: corpus.refusal.filter(keep),
      prompts: corpus.prompts.filter(keep),
      harm: corpus.harm.filter(keep),
      pairs: corpus.pairs.filter(keep),
      toxic: corpus.toxic.filter(keep),
      grounding: [],
    };
    const { weights, bytes } = sparseWeights(part);
    return weightsFrom({ ...emptyFile, scales: weights.scales, ...trainStages(part, outOfSetScores) }, bytes);
  };
  if (!only.includes('quick')) {
    // All of XSTest out: its prompts, its completions, its response labels.
    const xstestGroups = new Set(data.xstestPrompts(root).map((row) => row.group));
    const noXstest = retrain((row) => !xstestGroups.has(row.group));
    const responses = data.xstestResponseHarm(root);
    showHarm('harm: xstest-response, all of XSTest left out, linear', await judgeHarm(noXstest, responses));
    if (folder !== undefined)
      showHarm(
        'harm: xstest-response, all of XSTest left out',
        await judgeHarm(noXstest, responses, outOfSetScores),
      );
    const safe = new Set(
      data
        .xstestPrompts(root)
        .filter((row) => row.harmful === 0)
        .map((row) => row.group),
    );
    const compliance = data.xstest(root).filter((row) => row.target[2] === 1);
    const asHarm = (row: RefusalExample, harmful: 0 | 1): HarmExample => ({ ...row, harmful, weight: 1 });
    showHarm(
      `harm: compliance with XSTest safe prompts, left out${kind}`,
      await judgeHarm(
        noXstest,
        compliance.filter((row) => safe.has(row.group)).map((row) => asHarm(row, 0)),
        outOfSetScores,
      ),
    );
    showHarm(
      `harm: compliance with XSTest unsafe prompts, left out${kind}`,
      await judgeHarm(
        noXstest,
        compliance.filter((row) => !safe.has(row.group)).map((row) => asHarm(row, 1)),
        outOfSetScores,
      ),
    );
    const folds: HarmResult[] = [];
    const linear: HarmResult[] = [];
    const safeFolds: HarmResult[] = [];
    for (let fold = 0; fold < 3; fold++) {
      const weights = retrain((row) => foldOf(row.group, 3, 'evaluate') !== fold);
      const inside = (row: { group: string }) => foldOf(row.group, 3, 'evaluate') === fold;
      const held = corpus.harm.filter((row) => inside(row) && (folder === undefined || outOfSetScores(row)));
      linear.push(...(await judgeHarm(weights, held)));
      if (folder !== undefined) folds.push(...(await judgeHarm(weights, held, outOfSetScores)));
      safeFolds.push(
        ...(await judgeHarm(
          weights,
          compliance.filter((row) => safe.has(row.group) && inside(row)).map((row) => asHarm(row, 0)),
          outOfSetScores,
        )),
      );
    }
    for (const source of ['gptfuzz-train', 'xstest-response', 'diasafety', 'coconot', 'halueval', 'own'])
      for (const [by, results] of [
        [', linear', linear],
        ...(folder === undefined ? [] : ([['', folds]] as const)),
      ] as const)
        showHarm(
          `harm: ${source}, 3 folds by prompt${by}`,
          results.filter((one) => one.row.source === source),
        );
    showHarm(`harm: compliance with XSTest safe prompts, 3 folds${kind}`, safeFolds);
  }
}

// ---- groundedness ----
if (wanted('grounding')) {
  const all = data.grounding(root);
  const results: { source: string; level: number; some: number; expected: number }[] = [];
  const measure = (train: typeof all, test: typeof all) => {
    const models = trainGrounding(train);
    return test.map((row) => {
      const [some, most] = models.map((weights) => sigmoid(dotDense(weights, groundingFeatures(row)))) as [
        number,
        number,
      ];
      return { source: row.source, level: row.level, some, expected: 2 * some + 2 * Math.min(some, most) };
    });
  };
  const showGrounding = (name: string, rows: typeof results) => {
    const labels = rows.map((row) => (row.level >= 1 ? 1 : 0));
    const pairs = rows.map((row) => [row.level >= 1 ? 1 : 0, Math.round(row.expected) >= 2 ? 1 : 0] as const);
    show(name, {
      n: rows.length,
      base: mean(labels),
      auc: auc(
        labels,
        rows.map((row) => row.some),
      ),
      acc: accuracy(pairs),
      f1: macroF1(pairs),
      kappa: kappa(pairs),
      spearman: spearman(
        rows.map((row) => row.level),
        rows.map((row) => row.expected),
      ),
      mae: mean(rows.map((row) => Math.abs(row.level - row.expected))),
      meanLabel: mean(rows.map((row) => row.level)),
      meanSaid: mean(rows.map((row) => row.expected)),
    });
  };
  for (let fold = 0; fold < 5; fold++) {
    const inside = (row: { group: string }) => foldOf(row.group, 5, 'evaluate') === fold;
    results.push(
      ...measure(
        all.filter((row) => !inside(row)),
        all.filter(inside),
      ),
    );
  }
  const sources = [...new Set(all.map((row) => row.source))];
  for (const source of sources)
    showGrounding(
      `grounding: ${source}, 5 folds by source document`,
      results.filter((row) => row.source === source),
    );
  for (const source of ['wice', 'begin', 'faithdial', 'summedits']) {
    const inside = (row: { source: string }) => row.source.startsWith(source);
    showGrounding(
      `grounding: ${source}, set left out`,
      measure(
        all.filter((row) => !inside(row)),
        all.filter(inside),
      ),
    );
  }
}
if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(table, null, 1)}\n`);
if (process.argv.includes('--record')) {
  const number = (row: string, key: string): string => Number(table[row]?.[key]).toFixed(2).replace(/^0/, '');
  const path = new URL('../../judges/embedded.json', import.meta.url);
  const file = JSON.parse(readFileSync(path, 'utf8')) as WeightsFile;
  const xstest = 'refusal: XSTest, 5 folds by prompt';
  const agreement =
    `Agreement with people on answers it was not trained on: refusal accuracy ${number(xstest, 'acc2')} (three classes F1 ${number(xstest, 'f1x3')}) on XSTest; ` +
    `harm AUC ${number('harm: xstest-response, all of XSTest left out', 'auc')} on XSTest responses, ${number('harm: gptfuzz evaluate, answers not in train.csv', 'auc')} on GPTFuzz, ` +
    `${number('harm: beavertails_30k_test (shipped weights, set never trained on)', 'auc')} on BeaverTails; groundedness AUC ${number('grounding: wice, set left out', 'auc')} on WiCE.`;
  writeFileSync(path, `${JSON.stringify({ ...file, agreement }, null, 1)}\n`);
}
