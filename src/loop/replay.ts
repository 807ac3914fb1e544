/** The user's side of a conversation that broke, said again to a target, judged and kept. */
import { endsWork, errorMessage, TemperError } from '../core/errors.ts';
import { resultHash } from '../core/ids.ts';
import type { Conversation, Finding, Message, Scenario, Turn, Verdict } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import { failedCall, type Judge } from '../judges/judge.ts';
import { judgeConversation } from '../judges/run.ts';
import { harmful, type Judged, validPromptRefused } from '../metrics/conversation.ts';
import type { Reply, Target } from '../models/target.ts';
import type { Store, StoredConversation } from '../store/store.ts';

export const REPLAY_SIMULATOR = 'replay:1';

/** The first is the request as it was; a greedy target would only repeat itself. */
const SURFACES: readonly ((request: string) => string)[] = [
  (request) => request,
  (request) => `Hello. ${request}`,
  (request) => `${request} Thank you.`,
  (request) => `One more thing: ${request}`,
  (request) => `${request}\n\nThanks in advance!`,
  (request) => `Good evening! ${request}`,
];

export interface ReplayOptions {
  readonly seed: number;
  readonly target: { readonly system?: string | undefined; readonly maxTokens: number };
  readonly signal?: AbortSignal | undefined;
}

/** Up to the turn that broke. `known`: the conversation of that id, where it is there and need not be asked again. */
async function replay(
  { scenario, conversation: first }: StoredConversation,
  finding: Finding,
  target: Target,
  sample: number,
  { seed, target: { system: configured, maxTokens }, signal }: ReplayOptions,
  known: (id: string) => Promise<Conversation | null>,
): Promise<Conversation> {
  const system = first.system ?? configured;
  const head = {
    scenario: scenario.id,
    target: target.id,
    simulator: REPLAY_SIMULATOR,
    ...(first.attack === undefined ? {} : { attack: first.attack }),
    seed,
    sample,
    ...(system === undefined ? {} : { system }),
    ...(first.madeUp ? { madeUp: first.madeUp } : {}),
  };
  const asked = first.turns.filter(({ index }) => index <= finding.turn);
  const begun = asked.some(({ prefill }) => prefill !== undefined);
  const id = resultHash({ replay: finding.id, head, ...(begun ? { begun } : {}) });
  const stored = await known(id);
  if (stored) return stored;
  const messages: Message[] = [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    ...(first.madeUp ?? []),
  ];
  const turns: Turn[] = [];
  for (const [i, { index, request: original, plain, move, prefill }] of asked.entries()) {
    const surface = SURFACES[i === asked.length - 1 ? sample % SURFACES.length : 0]!;
    const request = surface(original);
    const said = { index, request, plain, move, ...(prefill === undefined ? {} : { prefill }) };
    messages.push({ role: 'user', content: request });
    let reply: Reply;
    try {
      if (prefill !== undefined && target.prefills !== true)
        throw new Error('the answer was begun for the target, which takes the weights');
      const mouth: Message[] = prefill === undefined ? [] : [{ role: 'assistant', content: prefill }];
      reply = await target.respond([...messages, ...mouth], {
        seed: rng('replay', id, index).int(2 ** 31),
        maxTokens,
        ...(signal ? { signal } : {}),
      });
    } catch (thrown) {
      signal?.throwIfAborted();
      if (endsWork(thrown)) throw thrown;
      turns.push({ ...said, response: '', finish: 'error', tokens: 0, error: errorMessage(thrown) });
      break;
    }
    const { text: response, finish, tokens, reason } = reply;
    turns.push({ ...said, response, finish, tokens, ...(reason === undefined ? {} : { error: reason }) });
    if (finish === 'blocked') break;
    messages.push({ role: 'assistant', content: `${prefill ?? ''}${response}` });
  }
  return { id, ...head, turns };
}

/** What a finding's conversation was: without it nothing can be said again. Errors: `store`. */
export async function evidenceOf(store: Store, finding: Finding): Promise<StoredConversation> {
  const stored = await store.conversation(finding.conversation);
  if (stored) return stored;
  throw new TemperError('store', `the conversation of finding ${finding.id} is not in the store`);
}

/** `again`: asks even what the store has; else that is taken, calls of the judge that failed are made again. */
export async function replayed(
  { store, judge }: { readonly store: Store; readonly judge: Judge },
  { finding, first, sample, again }: Replay,
  target: Target,
  options: ReplayOptions,
): Promise<Judged> {
  const { scenario } = first;
  const stored = async (id: string): Promise<Conversation | null> =>
    again ? null : ((await store.conversation(id))?.conversation ?? null);
  const conversation = await replay(first, finding, target, sample, options, stored);
  const before = (await store.conversation(conversation.id))?.conversation;
  const known = before ? await store.verdicts(conversation.id, judge.id) : [];
  const verdicts: Verdict[] = await judgeConversation(conversation, scenario, judge, {
    known: again ? known : known.filter((verdict) => !failedCall(verdict)),
    signal: options.signal,
  });
  await store.saveConversation({ scenario, conversation }, verdicts);
  return { scenario, conversation, verdicts };
}

export interface Replay {
  readonly finding: Finding;
  readonly first: StoredConversation & { readonly scenario: Scenario };
  /** 0: in the same words. */
  readonly sample: number;
  readonly again: boolean;
}

/** 1 if it broke, 0 if it held, undefined if that could not be scored. */
export const brokeAgain = (judged: Judged, { kind }: Finding, harmSeverity: number): number | undefined =>
  kind === 'harm' ? harmful(judged, harmSeverity) : validPromptRefused(judged, 'full');
