/**
 * The rows that the sentence encoder is trained on, as JSON lines for encoder.py:
 *   node bench/judge/encoder-data.ts DATA_FOLDER OUT.jsonl
 * Texts are as the judge reads them. `head`: which output learns from the row; `split`: 0 or 1, half of the data sets each,
 * so that a model trained on one half scores sets that it never saw (the second stage learns from those scores).
 * Licences as in data.ts: MIT, Apache-2.0, CC-BY and ODC-BY only.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rng } from '../../src/core/rng.ts';
import { read } from '../../src/judges/embedded.ts';
import * as data from './data.ts';
import type { HarmExample } from './data.ts';
import { foldOf } from './pipeline.ts';

export interface EncoderRow {
  readonly head: 'harm' | 'refusal' | 'request' | 'abusive' | 'pair';
  readonly source: string;
  readonly group: string;
  readonly split: 0 | 1;
  readonly prompt: string;
  readonly response: string;
  /** Of a pair: the less harmful answer; `response` is the more harmful one. */
  readonly other?: string;
  /** Probability of yes; of a refusal: of full, partial, none. */
  readonly target: number | readonly number[];
  readonly weight: number;
}

/** Whole data sets lie in one half; requests and own texts are halved by group. */
const HALVES: Readonly<Record<string, 0 | 1>> = {
  xstest: 0,
  diasafety: 0,
  'hh-rlhf': 0,
  gptfuzz: 1,
  coconot: 1,
  halueval: 1,
};
export function splitOf(source: string, group: string): 0 | 1 {
  const set = Object.keys(HALVES).find((name) => source.startsWith(name));
  return set === undefined ? (foldOf(group, 2, 'encoder') as 0 | 1) : (HALVES[set] as 0 | 1);
}

interface Stances {
  acts: [string, string][];
  goesAlong: string[];
  turnsAway: string[];
}
const stances = JSON.parse(readFileSync(join(import.meta.dirname, 'stances.json'), 'utf8')) as Stances;
const REASONS = [
  'It harms people',
  'It is against the law',
  'It is dangerous',
  'Someone could be seriously hurt',
  'It is unfair to others',
];
const OPENINGS = [
  'Sure, here is how you can do it.',
  'Here are some tips that will help you:',
  'Yes, of course. Let me explain it step by step.',
  'You can do this in a few simple steps. First, prepare what you need.',
  'That is a good question. It depends on where you are, but it usually works like this.',
  'The best way is to plan it well and to take your time.',
];

/** The act inside of a request, as a verb phrase, where its form shows one. */
function actOf(request: string): string | undefined {
  const text = request.trim().replace(/[?.!]+$/, '');
  const asked =
    /^(?:how (?:can|do|could|should|would) (?:i|you|we|someone|one|people)|how to|help me(?: to)?|tell me how to|teach me(?: how)? to|explain how to|give me (?:steps|instructions) (?:to|for)) (.{8,140})$/i.exec(
      text,
    );
  return asked?.[1];
}

/** A harmful request answered by going along and by turning away; a harmless one by the openings of any answer. */
export function composed(root: string): HarmExample[] {
  const random = rng('judge-stances');
  const out: HarmExample[] = [];
  const add = (prompt: string, response: string, harmful: 0 | 1, weight: number) =>
    out.push({ source: 'stances', group: data.groupOf(prompt), prompt, response, harmful, weight });
  const fill = (text: string, act: string, reason: string) =>
    text
      .replaceAll('{P}', act)
      .replaceAll('{R}', reason)
      .replaceAll('{r}', reason.charAt(0).toLowerCase() + reason.slice(1));
  const usable = (texts: readonly string[], act: string | undefined) =>
    act === undefined ? texts.filter((text) => !text.includes('{P}')) : texts;
  const answer = (prompt: string, act: string | undefined, reason: string, times: number) => {
    for (let i = 0; i < times; i++) {
      add(prompt, fill(random.pick(usable(stances.goesAlong, act)), act ?? '', reason), 1, 0.5);
      add(prompt, fill(random.pick(usable(stances.turnsAway, act)), act ?? '', reason), 0, 0.5);
    }
  };
  for (const [act, reason] of stances.acts)
    for (const form of ['How can I {P}?', 'I want to {P}.', 'Should I {P}?', 'Help me {P}.', '{P}'])
      answer(form.replace('{P}', act), act, reason, 2);
  const requests = data.trainingPrompts(root);
  for (const { source, prompt, harmful } of random.shuffle(requests)) {
    if (['own-requests', 'suite-dev'].includes(source)) {
      if (harmful === 1) answer(prompt, actOf(prompt), random.pick(REASONS), 1);
      // The same words of an answer are harmful or not by what was asked.
      if (harmful === 0 || random.next() < 0.5) add(prompt, random.pick(OPENINGS), harmful, 0.5);
    } else if (
      harmful === 1 &&
      ['catqa', 'dangerousqa', 'simple-safety-tests', 'harmbench'].includes(source)
    ) {
      if (random.next() < 0.5) answer(prompt, actOf(prompt), random.pick(REASONS), 1);
    } else if (harmful === 0 && source === 'mt-bench') add(prompt, random.pick(OPENINGS), 0, 0.5);
  }
  return out;
}

export function encoderRows(root: string): EncoderRow[] {
  const random = rng('judge-encoder');
  const rows: EncoderRow[] = [];
  const some = <T>(list: readonly T[], count: number): T[] => random.shuffle([...list]).slice(0, count);
  const bySource = <T extends { source: string }>(list: readonly T[], limits: Record<string, number>): T[] =>
    [...new Set(list.map((row) => row.source))].flatMap((source) =>
      some(
        list.filter((row) => row.source === source),
        limits[source] ?? Infinity,
      ),
    );
  const add = (
    head: EncoderRow['head'],
    one: { source: string; group: string; prompt: string; response: string; other?: string },
    target: EncoderRow['target'],
    weight: number,
  ) => {
    const texts = read(one);
    rows.push({
      head,
      source: one.source,
      group: one.group,
      split: splitOf(one.source, one.group),
      prompt: texts.prompt,
      response: texts.response,
      ...(one.other === undefined ? {} : { other: read({ prompt: '', response: one.other }).response }),
      target,
      weight,
    });
  };
  const harm = [...data.trainingHarm(root), ...composed(root)];
  for (const row of bySource(harm, {
    'gptfuzz-train': 1700,
    advbench: 100,
    xstest: 500,
    diasafety: 1097,
    halueval: 90,
    coconot: 140,
    own: 120,
    stances: 1100,
  }))
    add('harm', row, row.harmful, row.source === 'xstest-response' ? 2 : 1);
  for (const row of some(data.harmPairs(root), 1000))
    add(
      'pair',
      { source: 'hh-rlhf', group: row.group, prompt: row.prompt, response: row.worse, other: row.better },
      1,
      1,
    );
  for (const row of bySource(data.trainingRefusal(root), {
    coconot: 30,
    halueval: 30,
    gptfuzz: 20,
    diasafety: 20,
    own: 400,
  }))
    add('refusal', row, row.target, row.source.startsWith('xstest') ? 1 : 0.5);
  const requests = data.trainingPrompts(root);
  for (const row of bySource(requests, {
    harmfulqa: 80,
    halueval: 200,
    advbench: 80,
    coconot: 200,
    catqa: 150,
    harmbench: 150,
    gptfuzz: 60,
    own: 0,
    mmlu: 0,
    'suite-dev': 400,
    'xsafety-commonsense': 60,
  }))
    add('request', { ...row, response: '' }, row.harmful, 1);
  for (const row of bySource(data.trainingToxic(root), {
    toxigen: 300,
    surge: 250,
    'hatemoji-check': 50,
    halueval: 20,
    coconot: 20,
  }))
    add('abusive', { ...row, prompt: '', response: row.text }, row.target, 1);
  return rows;
}

if (process.argv[1] === import.meta.filename) {
  const [root, out] = process.argv.slice(2);
  if (root === undefined || out === undefined) {
    console.error('usage: node bench/judge/encoder-data.ts DATA_FOLDER OUT.jsonl');
    process.exit(2);
  }
  const rows = encoderRows(root);
  writeFileSync(out, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const count: Record<string, number> = {};
  for (const row of rows)
    count[`${row.split} ${row.head} ${row.source}`] =
      (count[`${row.split} ${row.head} ${row.source}`] ?? 0) + 1;
  console.log(count);
}
