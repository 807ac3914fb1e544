/**
 * The five responsible-AI suites (suites/rai/), in the manner of Magooda et al. (2023): what is asked comes from personas,
 * templates and topics, all data, crossed and drawn by a seed; questions on documents from documents and cases. They are
 * measured by name and never run in a round; all that they could ask is guarded from training like the sealed suite.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import { RAI_ROWS, type Scenario } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import { namedItem, parseData } from './data-file.ts';

const text = z.string().min(1);

/** Who asks: a persona of prompts/personas.json, and how this one leads up to the request. */
const persona = z.strictObject({ id: text, plays: text, frame: z.string().includes('{request}') });
const topic = z.strictObject({ id: text, category: text, genre: text.optional(), text });
const template = z.strictObject({ id: text, text: z.string().includes('{topic}') });
const head = {
  id: text,
  version: text,
  split: z.literal('sealed'),
  row: z.enum(RAI_ROWS),
  /** What the user of this category wants. */
  about: text,
};

const requests = z.strictObject({
  ...head,
  /** Most user turns. */
  turns: z.int().positive(),
  /** Scenarios of each topic: so many pairs of a template and a persona are drawn for it. */
  each: z.int().positive(),
  personas: z.array(persona).min(1),
  templates: z.array(template).min(1),
  topics: z.array(topic).min(1),
  /** Attacks that take turns around the requests. */
  attacks: z
    .array(z.strictObject({ id: text, family: text }))
    .min(1)
    .optional(),
  /** Harmless topics in the same templates and attacks: what is refused of them is over-refusal. */
  benign: z.strictObject({
    each: z.int().positive(),
    personas: z.array(persona).min(1),
    topics: z.array(topic).min(1),
  }),
});

const documents = z.strictObject({
  ...head,
  row: z.literal('ungroundedness'),
  /** Questions of a scenario, one a turn, drawn from those of its document. */
  questions: z.int().positive(),
  /** Values for the places of the documents; each document is written out with each case. */
  cases: z.array(z.record(z.string(), text)).min(1),
  documents: z.array(z.strictObject({ id: text, text, questions: z.array(text).min(1) })).min(1),
});

type Requests = z.infer<typeof requests>;
type Documents = z.infer<typeof documents>;
export type RaiSuite = Requests | Documents;

/** Errors: `data`, with every problem of a file. */
export function loadRaiSuites(directory: string): RaiSuite[] {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  } catch (cause) {
    throw new TemperError('data', `cannot read the suites folder ${directory}`, {
      hint: 'Install temper again.',
      cause,
    });
  }
  const suites = names.sort().map((name) => {
    const path = join(directory, name);
    const schema = name === 'ungroundedness.json' ? documents : requests;
    return parseData(path, schema, 'suite', (raw, issue) => namedItem(raw, issue, 'id'));
  });
  return suites.toSorted((a, b) => RAI_ROWS.indexOf(a.row) - RAI_ROWS.indexOf(b.row));
}

const fill = (pattern: string, values: Readonly<Record<string, string | undefined>>): string =>
  pattern.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);

type Topic = z.infer<typeof topic>;
type Persona = z.infer<typeof persona>;

const worded = ({ text: pattern }: { text: string }, { text: what, genre }: Topic): string =>
  fill(pattern, { topic: what, genre });

const identified = (key: string, rest: Omit<Scenario, 'id' | 'key'>): Scenario => ({
  id: contentHash(rest),
  key,
  ...rest,
});

/** All scenarios of a suite; the same for a seed. */
export function expandRai(suite: RaiSuite, seed: number): Scenario[] {
  return 'documents' in suite
    ? groundedScenarios(suite, seed)
    : [
        ...requestScenarios(suite, seed, 'adversarial', suite),
        ...requestScenarios(suite, seed, 'benign', suite.benign),
      ];
}

function requestScenarios(
  suite: Requests,
  seed: number,
  kind: 'adversarial' | 'benign',
  { each, personas, topics }: { each: number; personas: readonly Persona[]; topics: readonly Topic[] },
): Scenario[] {
  const pairs = suite.templates.flatMap((form) => personas.map((who) => ({ form, who })));
  return topics.flatMap((about, at) =>
    rng('rai', suite.id, seed, kind, about.id)
      .shuffle(pairs)
      .slice(0, each)
      .map(({ form, who }, i) => {
        const attack = suite.attacks?.[(at + i) % suite.attacks.length];
        const key = [kind === 'benign' ? 'benign' : '', about.id, form.id, who.id, attack?.id ?? '']
          .filter((part) => part !== '')
          .join('+');
        return identified(key, {
          suite: suite.id,
          split: suite.split,
          category: about.category,
          kind,
          ...(kind === 'benign' ? {} : { row: suite.row }),
          metric: kind === 'adversarial' ? 'severity' : 'refusal',
          persona: who.plays,
          objective: fill(who.frame, { request: worded(form, about) }),
          turns: suite.turns,
          ...(attack === undefined ? {} : { attack: attack.id, attackFamily: attack.family }),
        });
      }),
  );
}

function groundedScenarios(suite: Documents, seed: number): Scenario[] {
  return suite.documents.flatMap((document) =>
    suite.cases.map((values, at) => {
      const asked = rng('rai', suite.id, seed, document.id, at).shuffle(document.questions);
      const questions = asked.slice(0, suite.questions).map((question) => fill(question, values));
      return identified(`${document.id}-${String(at + 1).padStart(2, '0')}`, {
        suite: suite.id,
        split: suite.split,
        category: 'grounded',
        kind: 'grounded',
        row: suite.row,
        metric: 'ungroundedness',
        persona: 'ordinary-person',
        objective: questions.join('\n'),
        turns: questions.length,
        context: fill(document.text, values),
      });
    }),
  );
}

/** Every text that a suite could ask or show, whatever the seed; frames stand around them. */
export function raiTexts(suite: RaiSuite): { key: string; text: string }[] {
  if ('documents' in suite)
    return suite.documents.flatMap((document) =>
      suite.cases.flatMap((values) =>
        [document.text, ...document.questions].map((pattern) => ({
          key: document.id,
          text: fill(pattern, values),
        })),
      ),
    );
  return [...suite.topics, ...suite.benign.topics].flatMap((about) =>
    suite.templates.map((form) => ({ key: about.id, text: worded(form, about) })),
  );
}

/** `rai`: all of them; else those of the names, by id with or without `rai-`. Errors: `config`. */
export function raiSuitesNamed(suites: readonly RaiSuite[], names: readonly string[]): RaiSuite[] {
  const short = ({ id }: RaiSuite): string => id.replace(/^rai-/, '');
  const wanted = new Set<RaiSuite>();
  for (const name of names) {
    const found =
      name === 'rai' ? suites : suites.filter((suite) => name === suite.id || name === short(suite));
    if (found.length === 0)
      throw new TemperError('config', `unknown suite \`${name}\``, {
        hint: `Known: rai (all five), ${suites.map(short).join(', ')}.`,
      });
    for (const suite of found) wanted.add(suite);
  }
  return suites.filter((suite) => wanted.has(suite));
}
