/** Which converters a target can read, by the probes of dialogue/probe.ts; asked once of a target, and kept. */
import type { Conversation, Scenario } from '../core/records.ts';
import { hides } from '../curation/hidden-words.ts';
import { attackById, isAttack } from '../dialogue/attacks/index.ts';
import { hidesWords, probe, type ProbeOptions, probes, wasRead } from '../dialogue/probe.ts';
import type { Technique } from '../dialogue/strategies/index.ts';
import type { Target } from '../models/target.ts';
import type { Workplace } from './workplace.ts';

/** What probes need of where they are made. */
export type ProbePlace = Pick<Workplace, 'store' | 'emit' | 'tools' | 'targets'> & {
  readonly config: {
    readonly seed: number;
    readonly target: { readonly maxTokens: number; readonly system?: string | undefined };
  };
};

/** What the target could not read back, and so was not tried. */
export interface Unread {
  readonly technique: string;
  readonly family: string;
  /** Sentences that it read, of those whose call was answered. */
  readonly read: number;
  readonly of: number;
}

/** Whether a call went wrong, so that another may do. */
export const failedConversation = ({ turns, invalid }: Conversation): boolean =>
  turns.some(({ finish }) => finish === 'error') || invalid?.kind === 'error';

/** What the target makes of converters. */
interface Reading {
  /** Those that it cannot read back. */
  readonly unread: Unread[];
  /** Those of which every call failed, so that nobody knows. */
  readonly unasked: string[];
  /** Sentences that it was to read. */
  readonly asked: number;
}

/** The converters among the techniques that the target cannot read back. */
export async function unreadBy(
  workplace: ProbePlace,
  target: Target,
  techniques: readonly Pick<Technique, 'id' | 'family'>[],
): Promise<Reading> {
  const { config, emit, targets } = workplace;
  const hiding = techniques.filter(({ id }) => isAttack(id) && hidesWords(attackById(id)));
  if (hiding.length === 0) return { unread: [], unasked: [], asked: 0 };
  const detail = `can the target read ${hiding.length} converters?`;
  emit({ type: 'stage', stage: 'probe', status: 'start', detail });
  const { system } = config.target;
  const options = { seed: config.seed, ...(system === undefined ? {} : { system }) };
  const asked = hiding.flatMap(({ id: attack }) =>
    probes(attack, target.id, options).map((each) => ({ attack, each })),
  );
  const answers: { readonly attack: string; readonly read: boolean | undefined }[] = [];
  const width = Math.max(1, targets.concurrency);
  for (let at = 0; at < asked.length; at += width) {
    const slice = asked.slice(at, at + width);
    const settled = await Promise.allSettled(
      slice.map(({ each }) => probed(workplace, target, each, options)),
    );
    for (const [i, result] of settled.entries()) {
      if (result.status === 'rejected') throw result.reason;
      const { attack, each } = slice[i]!;
      answers.push({ attack, read: wasRead(each.scenario, result.value) });
    }
    emit({ type: 'progress', stage: 'probe', done: answers.length, total: asked.length, unit: 'sentences' });
  }
  const unasked: string[] = [];
  const unread = hiding.flatMap(({ id, family }) => {
    const of = answers.filter(({ attack, read }) => attack === id && read !== undefined);
    const read = of.filter((answer) => answer.read).length;
    // Nobody could ask: not known, so it is tried.
    if (of.length === 0) unasked.push(id);
    return read > 0 || of.length === 0 ? [] : [{ technique: id, family, read, of: of.length }];
  });
  if (unasked.length > 0) {
    const message = `whether the target can read ${unasked.join(', ')} is not known, as each call failed: a refusal under it says little`;
    emit({ type: 'note', level: 'warning', message });
  }
  return { unread, unasked, asked: asked.length };
}

/** Of the attacks of scenarios that hide words, those that the target as configured reads. Errors: its own, those that end the work. */
export async function readBy(workplace: ProbePlace, scenarios: readonly Scenario[]): Promise<string[]> {
  const attacks = scenarios.flatMap(({ attack }) => (attack !== undefined && hides(attack) ? [attack] : []));
  const hiding = [...new Set(attacks)].sort().map((id) => ({ id, family: attackById(id).family }));
  if (hiding.length === 0) return [];
  const { unread, unasked } = await unreadBy(workplace, await workplace.targets.base(), hiding);
  const not = new Set([...unread.map(({ technique }) => technique), ...unasked]);
  return hiding.flatMap(({ id }) => (not.has(id) ? [] : [id]));
}

async function probed(
  { store, tools }: ProbePlace,
  target: Target,
  asked: ReturnType<typeof probes>[number],
  options: ProbeOptions,
): Promise<Conversation> {
  const stored = (await store.conversation(asked.id))?.conversation;
  if (stored && !failedConversation(stored)) return stored;
  const conversation = await probe(asked, target, { ...options, signal: tools.signal });
  await store.saveConversation({ scenario: asked.scenario, conversation }, []);
  return conversation;
}
