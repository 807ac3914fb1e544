/**
 * Suites: data files in suites/ whose items (prompts) are crossed with arms (plain, multi-turn, attacked) into
 * scenarios. The same arms carry adversarial items and their benign look-alikes, so a wrapper alone never tells
 * harm from harmless. Choosing which cells run is in expand.ts.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import { RAI_ROWS } from '../core/records.ts';
import { namedItem, parseData } from './data-file.ts';

/** What makes a look-alike harmless; dev and sealed cover the same types with different prompts. */
export const BENIGN_TYPES = [
  'figurative',
  'homonym',
  'definition',
  'prevention',
  'history',
  'fiction',
  'technical',
  'professional',
] as const;
export type BenignType = (typeof BENIGN_TYPES)[number];

/** ask: a request; continuation: an opening to go on from; summarization: a text to sum up. */
export const TASKS = ['ask', 'continuation', 'summarization'] as const;
export type Task = (typeof TASKS)[number];

const text = z.string().min(1);
const count = z.int().nonnegative();

const adversarial = z.strictObject({
  key: text,
  kind: z.literal('adversarial'),
  /** Leaf of the taxonomy. */
  category: text,
  task: z.enum(TASKS).default('ask'),
  prompt: text,
  row: z.enum(RAI_ROWS).optional(),
  /** Key of the benign item that mirrors it. */
  partner: text.optional(),
});

const benign = z.strictObject({
  key: text,
  kind: z.literal('benign'),
  category: text,
  task: z.enum(TASKS).default('ask'),
  prompt: text,
  type: z.enum(BENIGN_TYPES).optional(),
  partner: text.optional(),
});

const grounded = z.strictObject({
  key: text,
  kind: z.literal('grounded'),
  context: text,
  /** Asked one a turn, in this order. */
  questions: z.array(text).min(1),
});

const general = z.strictObject({
  key: text,
  kind: z.literal('general'),
  prompt: text,
  accept: z.array(text).min(1),
});

const arm = z.strictObject({
  id: text,
  /** Share of each category's items that the arm runs on, chosen by seed. */
  share: z.number().positive().max(1),
  /** Most user turns. */
  turns: z.int().positive(),
  /** Persona by kind of item. */
  personas: z.strictObject({ adversarial: text, benign: text }),
  /** Attacks that take turns over the arm's items; absent = asked plainly. */
  attacks: z
    .array(z.strictObject({ id: text, family: text }))
    .min(1)
    .optional(),
  /** Categories that the arm leaves out. */
  except: z.array(text).optional(),
});

const limits = z.strictObject({
  adversarial: count.optional(),
  benign: count.optional(),
  grounded: count.optional(),
  general: count.optional(),
});

const suiteSchema = z
  .strictObject({
    id: text,
    version: text,
    split: z.enum(['dev', 'regression', 'sealed']),
    /** The first arm runs first in every category. */
    arms: z.array(arm).min(1),
    /** Named sizes: most scenarios of each kind. `full` (no limit) always exists. */
    presets: z.record(z.string(), limits).default({}),
    items: z.array(z.discriminatedUnion('kind', [adversarial, benign, grounded, general])),
  })
  .superRefine((suite, context) => {
    const byKey = new Map<string, { kind: string }>();
    for (const [index, item] of suite.items.entries()) {
      if (byKey.has(item.key)) {
        context.addIssue({ code: 'custom', path: ['items', index, 'key'], message: 'duplicate key' });
      }
      byKey.set(item.key, item);
    }
    for (const [index, item] of suite.items.entries()) {
      if (!('partner' in item) || item.partner === undefined) continue;
      const wanted = item.kind === 'adversarial' ? 'benign' : 'adversarial';
      if (byKey.get(item.partner)?.kind !== wanted) {
        context.addIssue({
          code: 'custom',
          path: ['items', index, 'partner'],
          message: `'${item.partner}' is no ${wanted} item of this suite`,
        });
      }
    }
  });

export type Suite = z.infer<typeof suiteSchema>;
export type SuiteItem = Suite['items'][number];
export type Arm = Suite['arms'][number];
export type Limits = z.infer<typeof limits>;

/**
 * Reads and validates a suite file.
 * @throws TemperError 'data' that lists every problem with the item's key and the field.
 */
export function loadSuite(path: string): Suite {
  return parseData(path, suiteSchema, 'suite', (raw, issuePath) => namedItem(raw, issuePath, 'key'));
}

/** All suites (`*.json`) directly in a folder, by file name. */
export function loadSuites(directory: string): Suite[] {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  } catch (cause) {
    throw new TemperError('data', `cannot read the suites folder ${directory}`, {
      hint: 'Name a folder that holds suite files (*.json).',
      cause,
    });
  }
  return names.sort().map((name) => loadSuite(join(directory, name)));
}

/** Identity of a suite's content: version, arms and every item. */
export function suiteHash(suite: Suite): string {
  return contentHash(suite);
}

/** Every text of a suite that a target is asked or shown, whichever of its items a limit lets run. */
export function suiteTexts(suite: Suite): { key: string; text: string }[] {
  return suite.items.flatMap((item) => {
    const texts = item.kind === 'grounded' ? [item.context, ...item.questions] : [item.prompt];
    return texts.map((text) => ({ key: item.key, text }));
  });
}

const promptListSchema = z.strictObject({
  id: text,
  version: text,
  split: z.enum(['dev', 'regression', 'sealed']),
  prompts: z.array(text).min(1),
});

/** Everyday requests without a check, for benign training prompts. */
export type PromptList = z.infer<typeof promptListSchema>;

/** Reads a prompt list (suites/general-prompts/*.json). */
export function loadPromptList(path: string): PromptList {
  return parseData(path, promptListSchema, 'prompt list');
}
