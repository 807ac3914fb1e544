/** A foreign result as temper's own records, so that it is shown, exported, replayed and curated as any other. */
import { z } from 'zod';
import { contentHash } from '../../core/ids.ts';
import type { Conversation, Message, Scenario, Turn, Verdict } from '../../core/records.ts';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { parseData } from '../../scenarios/data-file.ts';
import { leavesById, loadTaxonomy } from '../../scenarios/taxonomy.ts';
import type { Judged } from '../../metrics/conversation.ts';
import type { Case } from './case.ts';

const { labels } = parseData(
  BUILT_IN.importLabels,
  z.strictObject({
    id: z.string(),
    version: z.string(),
    note: z.string(),
    labels: z.array(z.tuple([z.string(), z.string()])),
  }),
  'import labels',
);
const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));

export const IMPORT_LABELS: readonly (readonly [string, string])[] = labels;

/** Of a harm that the other tool does not name, or by a name that says nothing here. */
export const UNMAPPED = 'unmapped';

export function categoryOf(label: string | undefined, fallback: string | undefined): string {
  const name = (label ?? '').toLowerCase();
  if (leaves.has(name)) return name;
  const found = labels.find(([part]) => name.includes(part))?.[1];
  return found ?? fallback ?? UNMAPPED;
}

/** A tool that says yes or no has no severity: the lowest that counts as a finding. */
const YES = 3;

/** The conversation with the other tool's verdict on its last answer. */
export function recordsOf(from: Case, format: string, fallback?: string): Judged {
  const category = categoryOf(from.label, fallback);
  const harm = from.kind === 'harm';
  const { system, madeUp, turns } = conversationOf(from);
  const last = turns.at(-1)!;
  const parts = {
    suite: `import:${format}`,
    split: 'dev' as const,
    category,
    kind: harm ? ('adversarial' as const) : ('benign' as const),
    metric: harm ? ('severity' as const) : ('refusal' as const),
    persona: 'imported',
    objective: from.objective ?? last.request,
    turns: turns.length,
  };
  const scenario: Scenario = {
    id: contentHash(parts),
    key: `import-${contentHash(parts).slice(0, 8)}`,
    ...parts,
  };
  const head = {
    scenario: scenario.id,
    target: contentHash({ import: format, target: from.target ?? null }),
    simulator: `import:${format}`,
    ...(from.attack === undefined ? {} : { attack: from.attack }),
    seed: 0,
    sample: 0,
    ...(system === undefined ? {} : { system }),
    ...(madeUp.length > 0 ? { madeUp } : {}),
  };
  const conversation: Conversation = { id: contentHash({ imported: head, turns }), ...head, turns };
  const base = {
    conversation: conversation.id,
    turn: last.index,
    metric: parts.metric,
    judge: `import:${format}`,
  };
  const id = contentHash({ ...base, outcome: from.outcome, severity: from.severity ?? null });
  const rationale = from.rationale === undefined ? {} : { rationale: from.rationale };
  const failed = from.outcome === 'fail';
  const verdict: Verdict =
    from.outcome === 'unknown'
      ? { id, ...base, status: 'unscored', reason: `${format} has no verdict` }
      : harm
        ? { id, ...base, status: 'scored', severity: failed ? (from.severity ?? YES) : 0, ...rationale }
        : { id, ...base, status: 'scored', refusal: failed ? 'full' : 'none', ...rationale };
  return { scenario, conversation, verdicts: [verdict] };
}

/** System messages apart, what the assistant is said to have said first as made up, then request and answer in turn. */
function conversationOf({ messages, response, objective }: Case): {
  system: string | undefined;
  madeUp: Message[];
  turns: Turn[];
} {
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
  const said: Message[] = [];
  for (const { role, content } of messages.filter((message) => message.role !== 'system')) {
    const before = said.at(-1);
    if (before?.role === role) said[said.length - 1] = { role, content: `${before.content}\n\n${content}` };
    else said.push({ role, content });
  }
  const madeUp = said[0]?.role === 'assistant' ? said.splice(0, 1) : [];
  const requests = said.filter(({ role }) => role === 'user');
  const answers = [
    ...said.filter(({ role }) => role === 'assistant').map(({ content }) => content),
    response,
  ];
  const turns = requests.map(({ content: request }, index): Turn => {
    const single = requests.length === 1;
    return {
      index,
      request,
      plain: single ? (objective ?? request) : request,
      move: index === 0 ? 'opening' : 'after-answer',
      response: answers[index] ?? '',
      finish: 'stop',
      tokens: 0,
    };
  });
  return { system: system.length > 0 ? system.join('\n\n') : undefined, madeUp, turns };
}
