/**
 * Reads the labelled sets from a folder given as argument (layout and licences: the folder's INDEX.md). `training*` return only
 * rows whose licence is MIT, Apache-2.0, CC-BY or ODC-BY; `evaluation*` may return others, which no weight or threshold sees.
 * `group` keeps rows of one prompt on one side of every split.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rng } from '../../src/core/rng.ts';
import { parseCsv } from './csv.ts';

export interface RefusalExample {
  readonly source: string;
  readonly group: string;
  readonly prompt: string;
  readonly response: string;
  /** Probability of full, partial, none. */
  readonly target: readonly [number, number, number];
  readonly weight: number;
}
export interface PromptExample {
  readonly source: string;
  readonly group: string;
  readonly prompt: string;
  readonly harmful: 0 | 1;
  readonly weight: number;
}
export interface HarmExample {
  readonly source: string;
  readonly group: string;
  readonly prompt: string;
  readonly response: string;
  readonly harmful: 0 | 1;
  /** In the model of the answer's wording; 0 = the row serves the second stage alone. */
  readonly weight: number;
  /** In the second stage; absent = `weight`. */
  readonly stackWeight?: number;
}
export interface ToxicExample {
  readonly source: string;
  readonly group: string;
  readonly text: string;
  /** 0 to 1; toxigen's mean human score (1-5) rescaled, others 0 or 1. */
  readonly target: number;
  readonly weight: number;
}
export interface GroundingExample {
  readonly source: string;
  readonly group: string;
  readonly context: string;
  readonly prompt: string;
  readonly response: string;
  /** 0-4; the mapping is in docs/judge-card.md. */
  readonly level: number;
}

type Json = Record<string, unknown>;
export const groupOf = (prompt: string): string =>
  prompt
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim()
    .slice(0, 200);
const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const jsonl = <T = Json>(path: string): T[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as T);
const csv = (path: string) => parseCsv(readFileSync(path, 'utf8'));

interface Augmentation {
  asks: [string, string, string][];
  openings: string[];
  openingsHeldOut: string[];
  reasons: string[];
  reasonsHeldOut: string[];
  offers: string[];
  offersHeldOut: string[];
  reasonsFirst: string[];
  refusals: string[];
  partials: string[];
  capability: string[];
  compliances: [string, string][];
  vague: string[];
  safe: string[];
  lookalikes: string[];
}
const augmentation = json<Augmentation>(join(import.meta.dirname, 'augmentation.json'));

const fill = (text: string, [act, topic, reason]: readonly [string, string, string]): string =>
  text
    .replaceAll('{P}', act)
    .replaceAll('{T}', topic)
    .replaceAll('{R}', reason)
    .replaceAll('{r}', (reason[0] ?? '').toLowerCase() + reason.slice(1));
const ASKING = [
  'How can I {P}?',
  'Help me {P}.',
  'Tell me how to {P}',
  'I want to {P}. What do I do?',
  '{P}',
];

/** Refusals composed from parts; `heldOut` uses parts that training never sees. */
export function composedRefusals(count: number, heldOut: boolean): RefusalExample[] {
  const random = rng('judge-augmentation', heldOut);
  const { openings, openingsHeldOut, reasons, reasonsHeldOut, offers, offersHeldOut } = augmentation;
  const out: RefusalExample[] = [];
  for (let i = 0; i < count; i++) {
    const ask = random.pick(augmentation.asks);
    const first = random.pick(heldOut ? openingsHeldOut : openings);
    const reason = random.pick(heldOut ? reasonsHeldOut : reasons);
    const offer = random.pick(heldOut ? offersHeldOut : offers);
    const joined = reason.startsWith('because')
      ? `${first.replace(/\.$/, '')} ${reason}`
      : `${first} ${reason}`;
    const body = !heldOut && i % 5 === 0 ? random.pick(augmentation.reasonsFirst) : joined;
    out.push({
      source: heldOut ? 'own-held-out' : 'own',
      group: `own:${ask[1]}`,
      prompt: fill(random.pick(ASKING), ask),
      response: fill(`${body} ${offer}`, ask).replace(/\s+/g, ' ').trim(),
      target: [1, 0, 0],
      weight: 0.6,
    });
  }
  return out;
}

function ownExamples(): { refusal: RefusalExample[]; harm: HarmExample[]; prompts: PromptExample[] } {
  const random = rng('judge-own');
  const refusal = composedRefusals(700, false);
  const harm: HarmExample[] = [];
  const prompts: PromptExample[] = [];
  const base = { source: 'own', weight: 0.6 };
  for (const ask of augmentation.asks) {
    const group = `own:${ask[1]}`;
    const prompt = () => fill(random.pick(ASKING), ask);
    for (const text of ASKING) prompts.push({ ...base, group, prompt: fill(text, ask), harmful: 1 });
    for (const text of augmentation.capability) {
      refusal.push({
        ...base,
        group,
        prompt: prompt(),
        response: fill(text, ask),
        target: [1, 0, 0],
        weight: 0.5,
      });
    }
    for (const text of augmentation.partials) {
      refusal.push({
        ...base,
        group,
        prompt: prompt(),
        response: fill(text, ask),
        target: [0, 1, 0],
        weight: 0.4,
      });
    }
    for (const text of augmentation.vague) {
      const one = { ...base, group, prompt: prompt(), response: fill(text, ask), weight: 0.3 };
      refusal.push({ ...one, target: [0, 0, 1] });
      harm.push({ ...one, harmful: 1, weight: 0, stackWeight: 0.6 });
    }
    for (const text of augmentation.safe) {
      const one = { ...base, group, prompt: prompt(), response: fill(text, ask), weight: 0.3 };
      refusal.push({ ...one, target: [0.1, 0.2, 0.7], weight: 0.15 });
      harm.push({ ...one, harmful: 0 });
    }
  }
  for (const text of augmentation.refusals) {
    refusal.push({
      ...base,
      group: text,
      prompt: fill('{P}', random.pick(augmentation.asks)),
      response: text,
      target: [1, 0, 0],
      weight: 1.5,
    });
  }
  for (const [prompt, response] of augmentation.compliances) {
    refusal.push({ ...base, group: prompt, prompt, response, target: [0, 0, 1], weight: 2 });
    harm.push({ ...base, group: prompt, prompt, response, harmful: 0, weight: 1 });
    prompts.push({ ...base, group: prompt, prompt, harmful: 0, weight: 1 });
  }
  // A benign request may be declined too: the request must not decide.
  for (const prompt of augmentation.lookalikes) {
    const act = prompt
      .replace(/^(?:how (?:do|can) (?:i|you)|what is|write|help me) /i, '')
      .replace(/[?.]$/, '');
    const response = fill(random.pick([...augmentation.capability, ...augmentation.openings]), [
      act,
      'this topic',
      'It may do harm',
    ]);
    refusal.push({ ...base, group: prompt, prompt, response, target: [1, 0, 0], weight: 0.8 });
  }
  for (const prompt of augmentation.lookalikes)
    prompts.push({ ...base, group: prompt, prompt, harmful: 0, weight: 1.5 });
  return { refusal, harm, prompts };
}

export const XSTEST_MODELS = ['gpt4', 'llama2new', 'mistralguard', 'llama2orig', 'mistralinstruct'] as const;
const XSTEST_TARGET = { 1: [0, 0, 1], 2: [1, 0, 0], 3: [0, 1, 0] } as const;

export function xstest(root: string): RefusalExample[] {
  return XSTEST_MODELS.flatMap((model) =>
    csv(join(root, `xstest/split/xstest_v2_completions_${model}.dev.csv`)).map((row) => {
      const label = Number(row['final_label']?.[0]) as 1 | 2 | 3;
      return {
        source: `xstest-${model}`,
        group: groupOf(row['prompt'] ?? ''),
        prompt: row['prompt'] ?? '',
        response: row['completion'] ?? '',
        target: XSTEST_TARGET[label],
        weight: label === 3 ? 2 : 1,
      };
    }),
  );
}

export function xstestPrompts(root: string): PromptExample[] {
  return csv(join(root, 'xstest/split/xstest_prompts.dev.csv')).map((row) => ({
    source: 'xstest',
    group: groupOf(row['prompt'] ?? ''),
    prompt: row['prompt'] ?? '',
    harmful: row['type']?.startsWith('contrast_') === true ? 1 : 0,
    weight: 2,
  }));
}

interface Labelled {
  prompt: string;
  response: string;
  label: string;
}
export function xstestResponseRefusal(root: string): RefusalExample[] {
  return jsonl<Labelled>(join(root, 'xstest-response/xstest_response_refusal.dev.jsonl')).map((row) => ({
    source: 'xstest-response',
    group: groupOf(row.prompt),
    prompt: row.prompt,
    response: row.response,
    // The set has two classes: its refusals are full ones with few exceptions.
    target: row.label === 'refusal' ? [0.9, 0.1, 0] : [0, 0, 1],
    weight: 1,
  }));
}

interface Halueval {
  user_query: string;
  chatgpt_response: string;
}
const halueval = (root: string): Halueval[] => {
  const path = join(root, 'halueval/general_data.json');
  const rows = readFileSync(path, 'utf8').trimStart().startsWith('[')
    ? json<Halueval[]>(path)
    : jsonl<Halueval>(path);
  return rng('halueval').shuffle(
    rows.filter((row) => !/sorry|cannot|can't|unable|as an ai|unfortunately/i.test(row.chatgpt_response)),
  );
};
interface Coconot {
  prompt: string;
  chosen: string;
  category: string;
}
const coconot = (root: string) => jsonl<Coconot>(join(root, 'coconot/coconot_pref.jsonl'));
interface Diasafety {
  context: string;
  response: string;
  label: string;
}
const diasafetyRows = (root: string) => json<Diasafety[]>(join(root, 'diasafety/val.json'));

export function trainingRefusal(root: string): RefusalExample[] {
  const none = (source: string, prompt: string, response: string, weight: number): RefusalExample => ({
    source,
    group: groupOf(prompt),
    prompt,
    response,
    target: [0, 0, 1],
    weight,
  });
  // Low weights: these come from few models, and would teach what those models sound like.
  return [
    ...xstest(root),
    ...xstestResponseRefusal(root),
    ...coconot(root)
      .filter((row) => row.category.includes('safety'))
      .map((row) => none('coconot', row.prompt, row.chosen, 0.06)),
    ...halueval(root)
      .slice(0, 500)
      .map((row) => none('halueval', row.user_query, row.chatgpt_response, 0.06)),
    ...diasafetyRows(root)
      .slice(0, 300)
      .map((row) => none('diasafety', row.context, row.response, 0.06)),
    ...gptfuzz(root, 'train')
      .filter((row) => row.harmful === 1)
      .map((row) => none('gptfuzz', row.prompt, row.response, 0.06)),
    ...ownExamples().refusal,
  ];
}

export function gptfuzz(root: string, part: 'train' | 'evaluate'): HarmExample[] {
  const questions = new Map(
    csv(join(root, 'gptfuzz/question_list.csv')).map((row) => [row['index'] ?? '', row['text'] ?? '']),
  );
  return csv(join(root, `gptfuzz/${part}.csv`)).map((row) => {
    const prompt = questions.get(row['question'] ?? '') ?? '';
    return {
      source: `gptfuzz-${part}`,
      group: groupOf(prompt),
      prompt,
      response: row['Response'] ?? '',
      harmful: row['label'] === '1' ? 1 : 0,
      weight: 0.5,
      // All its requests are harmful and its answers alike: in the second stage it must not drown the others.
      stackWeight: 0.12,
    };
  });
}

/** The project's own dev suite: requests and their benign look-alikes. The sealed suite is never read here. */
function devSuite(): PromptExample[] {
  const suite = json<{ items: { kind: string; prompt?: string }[] }>(
    join(import.meta.dirname, '../../suites/dev.json'),
  );
  return suite.items.flatMap(({ kind, prompt }) =>
    prompt === undefined || (kind !== 'adversarial' && kind !== 'benign')
      ? []
      : [
          {
            source: 'suite-dev',
            group: groupOf(prompt),
            prompt,
            harmful: kind === 'adversarial' ? (1 as const) : (0 as const),
            weight: 2,
          },
        ],
  );
}

/** Our own pairs of a harmful request and a harmless one in like words. */
function ownRequests(): PromptExample[] {
  const { pairs } = json<{ pairs: [string, string][] }>(join(import.meta.dirname, 'requests.json'));
  return pairs.flatMap((pair) =>
    pair.map((prompt, i) => ({
      source: 'own-requests',
      group: groupOf(prompt),
      prompt,
      harmful: i === 0 ? (1 as const) : (0 as const),
      weight: 2,
    })),
  );
}

const nested = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : value !== null && typeof value === 'object'
      ? Object.values(value).flatMap(nested)
      : [];

export function trainingPrompts(root: string): PromptExample[] {
  const rows = (source: string, texts: readonly string[], harmful: 0 | 1, weight: number): PromptExample[] =>
    texts
      .filter((text) => text.trim() !== '')
      .map((prompt) => ({ source, group: groupOf(prompt), prompt, harmful, weight }));
  const harmbench = csv(join(root, 'harmbench/harmbench_behaviors_text_all.csv')).filter(
    (row) => row['FunctionalCategory'] !== 'copyright',
  );
  const questions = jsonl<{ turns: string[] }>(join(root, 'mt-bench/question.jsonl'));
  const llmbar = json<{ input: string }[]>(join(root, 'llmbar/Natural.json'));
  const mmlu = csv(join(root, 'mmlu/mmlu.csv')).slice(0, 200);
  const commonsense = readFileSync(join(root, 'xsafety/en_commonsense.csv'), 'utf8').split(/\r?\n/);
  return [
    ...xstestPrompts(root),
    ...rows(
      'advbench',
      csv(join(root, 'advbench/harmful_behaviors.csv')).map((row) => row['goal'] ?? ''),
      1,
      0.5,
    ),
    ...rows(
      'harmbench',
      harmbench.map((row) => row['Behavior'] ?? ''),
      1,
      1,
    ),
    ...rows(
      'simple-safety-tests',
      csv(join(root, 'simple-safety-tests/SimpleSafetyTests - test cases.csv')).map(
        (row) => row['prompts_final'] ?? '',
      ),
      1,
      1,
    ),
    ...rows('catqa', nested(json(join(root, 'red-instruct/catqa_english.json'))), 1, 1),
    ...rows('dangerousqa', nested(json(join(root, 'red-instruct/dangerousqa.json'))), 1, 1),
    ...rows(
      'harmfulqa',
      rng('harmfulqa')
        .shuffle(nested(json(join(root, 'red-instruct/harmfulqa.json'))))
        .slice(0, 700),
      1,
      0.4,
    ),
    ...rows(
      'gptfuzz',
      csv(join(root, 'gptfuzz/question_list.csv')).map((row) => row['text'] ?? ''),
      1,
      1,
    ),
    ...rows(
      'coconot',
      coconot(root).map((row) => row.prompt),
      0,
      1,
    ),
    ...rows(
      'mt-bench',
      questions.flatMap((row) => row.turns),
      0,
      0.7,
    ),
    ...rows(
      'llmbar',
      llmbar.map((row) => row.input),
      0,
      0.7,
    ),
    ...rows(
      'halueval',
      halueval(root)
        .slice(500, 2000)
        .map((row) => row.user_query),
      0,
      0.5,
    ),
    ...rows(
      'mmlu',
      mmlu.map((row) => row['prompt'] ?? ''),
      0,
      0.3,
    ),
    ...rows('xsafety-commonsense', commonsense, 0, 0.3),
    ...devSuite(),
    ...ownRequests(),
    ...ownExamples().prompts,
  ];
}

export function xstestResponseHarm(root: string): HarmExample[] {
  return jsonl<Labelled>(join(root, 'xstest-response/xstest_response_harmful.dev.jsonl')).map((row) => ({
    source: 'xstest-response',
    group: groupOf(row.prompt),
    prompt: row.prompt,
    response: row.response,
    harmful: row.label === 'harmful' ? 1 : 0,
    weight: 2,
  }));
}

export function diasafety(root: string): HarmExample[] {
  return diasafetyRows(root).map((row) => ({
    source: 'diasafety',
    group: groupOf(row.context),
    prompt: row.context,
    response: row.response,
    harmful: row.label === 'Unsafe' ? 1 : 0,
    weight: 0.3,
  }));
}

/** AdvBench's affirmative openings: going along with a harmful request, before any content. Second stage alone. */
function advbenchOpenings(root: string): HarmExample[] {
  return csv(join(root, 'advbench/harmful_behaviors.csv')).map((row) => ({
    source: 'advbench',
    group: groupOf(row['goal'] ?? ''),
    prompt: row['goal'] ?? '',
    response: row['target'] ?? '',
    harmful: 1,
    weight: 0,
    stackWeight: 0.25,
  }));
}

/** XSTest's answers to safe prompts are harmless whatever they say; so are its full refusals. */
function xstestHarmless(root: string): HarmExample[] {
  const kinds = new Map(xstestPrompts(root).map((row) => [row.group, row.harmful]));
  return xstest(root)
    .filter((row) => kinds.get(row.group) === 0 || row.target[0] === 1)
    .map((row) => ({ ...row, source: 'xstest', harmful: 0, weight: 0.4 }));
}

export function trainingHarm(root: string): HarmExample[] {
  const harmless = (source: string, prompt: string, response: string, weight: number): HarmExample => ({
    source,
    group: groupOf(prompt),
    prompt,
    response,
    harmful: 0,
    weight,
  });
  return [
    ...gptfuzz(root, 'train'),
    ...advbenchOpenings(root),
    ...xstestResponseHarm(root),
    ...diasafety(root),
    ...xstestHarmless(root),
    ...coconot(root).map((row) => harmless('coconot', row.prompt, row.chosen, 0.4)),
    ...halueval(root)
      .slice(2000, 2500)
      .map((row) => harmless('halueval', row.user_query, row.chatgpt_response, 0.4)),
    ...ownExamples().harm,
  ];
}

/** Pairs of answers to one conversation, the second more harmful to a person's eye (HH-RLHF, MIT). */
export function harmPairs(root: string): { group: string; prompt: string; better: string; worse: string }[] {
  const mark = '\n\nAssistant:';
  return jsonl<{ chosen: string; rejected: string }>(
    join(root, 'hh-rlhf/harmless-base_test_part1.jsonl'),
  ).flatMap((row) => {
    const at = row.chosen.lastIndexOf(mark);
    if (at < 0 || row.rejected.slice(0, at) !== row.chosen.slice(0, at)) return [];
    const prompt = row.chosen.slice(row.chosen.lastIndexOf('\n\nHuman:', at) + 8, at).trim();
    const better = row.chosen.slice(at + mark.length).trim();
    const worse = row.rejected.slice(at + mark.length).trim();
    return better === '' || worse === '' || better === worse
      ? []
      : [{ group: groupOf(prompt), prompt, better, worse }];
  });
}

export function trainingToxic(root: string): ToxicExample[] {
  const toxigen = json<{ text: string; toxicity_score: number }[]>(join(root, 'toxigen/toxiGen.json'));
  return [
    ...toxigen.map((row) => ({
      source: 'toxigen',
      group: groupOf(row.text),
      text: row.text,
      target: (row.toxicity_score - 1) / 4,
      weight: 1,
    })),
    ...csv(join(root, 'surge-toxicity/toxicity_en.csv')).map((row) => ({
      source: 'surge',
      group: groupOf(row['text'] ?? ''),
      text: row['text'] ?? '',
      target: row['is_toxic'] === 'Toxic' ? 1 : 0,
      weight: 1,
    })),
    ...csv(join(root, 'hatemoji/HatemojiCheck_test.csv')).map((row) => ({
      source: 'hatemoji-check',
      group: `hatemoji:${row['templ_id'] ?? ''}`,
      text: row['text'] ?? '',
      target: Number(row['label_gold']),
      weight: 0.3,
    })),
    ...halueval(root)
      .slice(2500, 3300)
      .map((row) => ({
        source: 'halueval',
        group: groupOf(row.user_query),
        text: row.chatgpt_response,
        target: 0,
        weight: 1,
      })),
    ...coconot(root).map((row) => ({
      source: 'coconot',
      group: groupOf(row.prompt),
      text: row.chosen,
      target: 0,
      weight: 0.7,
    })),
  ];
}

const tsv = (path: string) => parseCsv(readFileSync(path, 'utf8'), '\t');

/** FaithDial audit and BEGIN labels to levels; undefined = not used (generic, uncooperative: they claim nothing). */
function faithLevel(label: string): number | undefined {
  const text = label.toLowerCase();
  if (text === 'partial hallucination' || /entailm.*hallucination/.test(text)) return 2;
  if (text.startsWith('hallucination')) return 4;
  return text.startsWith('entailm') ? 0 : undefined;
}

export function grounding(root: string): GroundingExample[] {
  const out: GroundingExample[] = [];
  const add = (
    source: string,
    context: string,
    prompt: string,
    response: string,
    level: number | undefined,
  ) => {
    if (level !== undefined && response.trim() !== '') {
      out.push({ source, group: groupOf(context), context, prompt, response, level });
    }
  };
  interface Wice {
    label: string;
    claim: string;
    evidence: string[];
  }
  for (const row of jsonl<Wice>(join(root, 'wice/oracle_chunks_claim_dev.jsonl'))) {
    add(
      'wice',
      row.evidence.join('\n'),
      '',
      row.claim,
      { supported: 0, partially_supported: 2, not_supported: 4 }[row.label],
    );
  }
  for (const name of ['wow', 'cmu']) {
    for (const row of tsv(join(root, `begin/begin_dev_${name}.tsv`))) {
      const level = { 'Fully attributable': 0, 'Not fully attributable': 3 }[row['begin_label'] ?? ''];
      add(`begin-${name}`, row['knowledge'] ?? '', row['message'] ?? '', row['response'] ?? '', level);
    }
  }
  for (const [file, text] of [
    ['gold_wow', 'response'],
    ['gold_cmu', 'response'],
    ['gpt2_processed_wow', 'gpt2'],
    ['doha_processed_wow', 'doha'],
    ['ctrl_processed_wow', 'ctrl'],
  ] as const) {
    for (const row of csv(join(root, `faithdial-audit/${file}.csv`))) {
      add(
        'faithdial',
        row['evidence'] ?? row['knowledge'] ?? '',
        row['history'] ?? '',
        row[text] ?? '',
        faithLevel(row['BEGIN'] ?? row['begin_label'] ?? ''),
      );
    }
  }
  interface Summedits {
    doc: string;
    summary: string;
    label: number;
  }
  for (const name of ['scitldr', 'sales_call']) {
    for (const row of json<Summedits[]>(join(root, `summedits/summedits_${name}.json`))) {
      add('summedits', row.doc, '', row.summary, row.label === 1 ? 0 : 2);
    }
  }
  return out;
}

/** Sets that serve evaluation only (non-commercial or share-alike upstream). */
export function evaluationHarm(root: string): Record<string, HarmExample[]> {
  const load = (path: string): HarmExample[] =>
    jsonl<Labelled>(join(root, path)).map((row) => ({
      source: path,
      group: groupOf(row.prompt),
      prompt: row.prompt,
      response: row.response,
      harmful: row.label === 'harmful' ? 1 : 0,
      weight: 1,
    }));
  return {
    beavertails_30k_test: load('beavertails/beavertails_30k_test.jsonl'),
    safe_rlhf_test2000: load('safe-rlhf/safe_rlhf_test2000.jsonl'),
    'Safe-RLHFmini': csv(join(root, 'jailbreakeval/Safe-RLHFmini.csv')).map((row) => ({
      source: 'Safe-RLHFmini',
      group: groupOf(row['question'] ?? ''),
      prompt: row['question'] ?? '',
      response: row['answer'] ?? '',
      harmful: row['label'] === '1' ? 1 : 0,
      weight: 1,
    })),
  };
}

export function evaluationPrompts(root: string): Record<string, PromptExample[]> {
  const rows = (source: string, texts: readonly string[], harmful: 0 | 1): PromptExample[] =>
    texts.map((prompt) => ({ source, group: groupOf(prompt), prompt, harmful, weight: 1 }));
  const tuned = (name: string) =>
    json<{ instructions: string[] }>(join(root, `safety-tuned-llamas/${name}.json`)).instructions;
  const dolly = csv(join(root, 'dolly/databricks_dolly_15k.csv'));
  return {
    'toxic-chat': jsonl<Labelled>(join(root, 'toxic-chat/toxicchat_test.jsonl')).map((row) => ({
      source: 'toxic-chat',
      group: groupOf(row.prompt),
      prompt: row.prompt,
      harmful: row.label === 'harmful' ? 1 : 0,
      weight: 1,
    })),
    'malicious-instructions + dolly': [
      ...rows('mal', tuned('I-MaliciousInstructions'), 1),
      ...rows(
        'dolly',
        dolly.map((row) => row['instruction'] ?? ''),
        0,
      ),
    ],
    'beavertails-evaluation + dolly': [
      ...rows(
        'bt',
        json<{ prompt: string }[]>(join(root, 'beavertails/BeaverTails-Evaluation.json')).map(
          (row) => row.prompt,
        ),
        1,
      ),
      ...rows(
        'dolly',
        dolly.map((row) => row['instruction'] ?? ''),
        0,
      ),
    ],
  };
}

export function dollyAnswers(root: string): HarmExample[] {
  return csv(join(root, 'dolly/databricks_dolly_15k.csv')).map((row) => ({
    source: 'dolly',
    group: groupOf(row['instruction'] ?? ''),
    prompt: row['instruction'] ?? '',
    response: row['response'] ?? '',
    harmful: 0,
    weight: 1,
  }));
}
