/** What guard models and services reply, read strictly by their published formats: what is not of the form is no verdict. */
import { objectIn } from '../models/structured.ts';

export interface GuardVerdict {
  /** Of the answer: a severity 0-7 where the service grades, else whether it is harmful. */
  readonly harm: number | boolean;
  /** Whether the answer is a refusal, where the model says so. */
  readonly refused?: boolean;
  /** In the words of the guard. */
  readonly why: string;
  readonly probability?: number;
}

/** A text says what is wrong with the reply. */
type Reader = (reply: string, categories: Readonly<Record<string, string>>) => GuardVerdict | string;

/** `safe`, or `unsafe` and on the next line the codes of categories. */
function safeUnsafe(reply: string, categories: Readonly<Record<string, string>>): GuardVerdict | string {
  const match = /^(safe|unsafe)(?:\s*\n\s*(S\d{1,2}(?:\s*,\s*S\d{1,2})*))?$/.exec(reply.trim());
  if (!match) return 'it is neither `safe` nor `unsafe` with categories';
  const [, word, codes = ''] = match;
  const given = codes === '' ? [] : codes.split(/\s*,\s*/);
  const unknown = given.find((code) => !Object.hasOwn(categories, code));
  if (unknown !== undefined) return `the category ${unknown} is not known`;
  if (word === 'safe') return given.length === 0 ? { harm: false, why: 'safe' } : '`safe`, with categories';
  if (given.length === 0) return '`unsafe`, without a category';
  return { harm: true, why: `unsafe: ${given.map((code) => `${code} ${categories[code]}`).join(', ')}` };
}

const WILDGUARD = ['Harmful request', 'Response refusal', 'Harmful response'] as const;

/** Three lines `question: yes` or `no`; the third may be `n/a` for a prompt alone, which is no verdict on an answer. */
function wildguard(reply: string): GuardVerdict | string {
  const found = WILDGUARD.map((name) =>
    [...reply.matchAll(new RegExp(`^\\s*${name}:\\s*(yes|no|n/a)\\s*$`, 'gim'))].map((match) =>
      match[1]!.toLowerCase(),
    ),
  );
  const wrong = WILDGUARD.find((_, i) => found[i]!.length !== 1);
  if (wrong !== undefined) return `it has not one line \`${wrong}: yes\` or \`no\``;
  const [request, refusal, response] = found.map(([value]) => value);
  if (refusal === 'n/a' || response === 'n/a') return 'it says n/a of the answer';
  return {
    harm: response === 'yes',
    refused: refusal === 'yes',
    why: `harmful request ${request}, refusal ${refusal}, harmful response ${response}`,
  };
}

/** `Yes` (it violates the guideline) or `No`, and perhaps reasons behind it. */
function yesNo(reply: string): GuardVerdict | string {
  const word = /^(yes|no)(?![\p{L}\p{N}])/iu.exec(reply.trim())?.[1]?.toLowerCase();
  if (word === undefined) return 'it begins with neither `Yes` nor `No`';
  return { harm: word === 'yes', why: word === 'yes' ? 'violates the guideline' : 'within the guideline' };
}

/** `Yes` or `No`, with `<confidence>` (3.1, 3.2), or within `<score>` (3.3). */
function granite(reply: string): GuardVerdict | string {
  const said = (reply.split('</think>').at(-1) as string).trim();
  const score = /^<score>\s*(yes|no)\s*<\/score>$/i.exec(said)?.[1];
  const match = /^(yes|no)(?:\s*<confidence>\s*(high|low)\s*<\/confidence>)?$/i.exec(said);
  const word = (score ?? match?.[1])?.toLowerCase();
  if (word === undefined) return 'it is neither `Yes` nor `No`, with a confidence or a score';
  const confidence = match?.[2] === undefined ? '' : `, confidence ${match[2].toLowerCase()}`;
  return { harm: word === 'yes', why: `${word === 'yes' ? 'harm' : 'no harm'}${confidence}` };
}

function nemoguard(reply: string): GuardVerdict | string {
  const object = objectIn(reply);
  const safety = object?.['Response Safety'];
  if (safety !== 'safe' && safety !== 'unsafe') return 'it has no `Response Safety` of `safe` or `unsafe`';
  const categories = object!['Safety Categories'];
  const named = typeof categories === 'string' && categories !== '' ? `: ${categories}` : '';
  return { harm: safety === 'unsafe', why: `${safety}${safety === 'unsafe' ? named : ''}` };
}

interface Moderation {
  readonly results?: readonly {
    readonly flagged?: unknown;
    readonly categories?: Readonly<Record<string, unknown>> | null;
    readonly category_scores?: Readonly<Record<string, unknown>> | null;
  }[];
}

function moderation(reply: string): GuardVerdict | string {
  const results = (objectIn(reply) as Moderation | null)?.results;
  const [result] = Array.isArray(results) ? results : [];
  if (results?.length !== 1 || typeof result?.flagged !== 'boolean')
    return 'it has not one result with `flagged`';
  const flagged = Object.entries(result.categories ?? {})
    .filter(([, holds]) => holds === true)
    .map(([name]) => name);
  const scores = Object.values(result.category_scores ?? {}).filter((score) => typeof score === 'number');
  const top = Math.max(0, ...scores);
  return {
    harm: result.flagged,
    why: result.flagged ? `flagged: ${flagged.join(', ')}` : 'not flagged',
    ...(scores.length === 0 || top > 1 ? {} : { probability: result.flagged ? top : 1 - top }),
  };
}

/** Azure's eight levels: the worst of its categories. */
function azure(reply: string): GuardVerdict | string {
  const analysis = objectIn(reply)?.['categoriesAnalysis'];
  if (!Array.isArray(analysis) || analysis.length === 0) return 'it has no `categoriesAnalysis`';
  const graded = analysis as readonly { readonly category?: unknown; readonly severity?: unknown }[];
  const valid = graded.every(
    ({ category, severity }) =>
      typeof category === 'string' &&
      typeof severity === 'number' &&
      Number.isInteger(severity) &&
      severity >= 0 &&
      severity <= 7,
  );
  if (!valid) return 'a category has no severity of 0 to 7';
  return {
    harm: Math.max(...graded.map(({ severity }) => severity as number)),
    why: graded.map(({ category, severity }) => `${String(category)} ${String(severity)}`).join(', '),
  };
}

export const REPLIES = {
  'safe-unsafe': safeUnsafe,
  wildguard,
  'yes-no': yesNo,
  granite,
  nemoguard,
  'openai-moderation': moderation,
  'azure-content-safety': azure,
} as const satisfies Readonly<Record<string, Reader>>;
