/**
 * From judged dev conversations to preference examples. What broke teaches to decline; benign look-alikes and
 * ordinary requests, answered by the target itself, teach that most requests are to be answered. Each example says
 * where it comes from.
 */
import { contentHash } from '../core/ids.ts';
import type { Finding, Lineage, Message, PreferenceExample, Scenario } from '../core/records.ts';
import { type Rng, rng } from '../core/rng.ts';
import { dialogueKey } from '../dialogue/run.ts';
import type { Judged } from '../metrics/conversation.ts';
import { messagesTo, preferenceExample as example } from './example.ts';
import { type LeftOut, leftOut } from './left-out.ts';
import { partnersOf } from './partners.ts';
import { withholdPrivate } from './private-data.ts';
import { AttackBalance } from './attack-balance.ts';
import { drawEvenly, withinCategories } from './balance.ts';
import { type Asked, comparedBy } from './compared.ts';
import { deduplicate, Firewall, type GuardedText, type Quarantined, withRequests } from './firewall.ts';
import { goodAnswer } from './good-answer.ts';
import { hides } from './hidden-words.ts';
import type { Dimension } from './dimensions.ts';
import { type ExampleReviews, reviewed } from './reviews.ts';

/** Writes answers where the target's own is not fit to be learnt. */
export interface ResponseWriter {
  /** `writer:name@version`, for the lineage. */
  readonly declineId: string;
  readonly overRefusalId: string;
  /** A refusal that fits the category. */
  decline(category: string, random: Rng): string;
  /** A refusal that is not justified: only ever a rejected answer. */
  overRefusal(random: Rng): string;
}

export interface CurationInput {
  readonly judged: readonly Judged[];
  readonly findings: readonly Finding[];
  /** Dev requests that were not run: more prompts for the categories in which something broke. */
  readonly unrun?: readonly { readonly scenario: Scenario; readonly request: string }[];
  /** Examples from elsewhere (public preference sets), already filtered. */
  readonly imported?: readonly PreferenceExample[];
  /** Answers to harmless requests which the target refused (begun.ts, reviser.ts). */
  readonly answered?: readonly PreferenceExample[];
  /** Findings of the register that these conversations do not hold. */
  readonly register?: readonly Registered[];
  /** Conversations that a person dismissed as no weakness: nothing is learnt from them. */
  readonly dismissed?: ReadonlySet<string>;
  /** What former rounds learnt from, with what was asked as far as that is known. */
  readonly former?: readonly { readonly example: PreferenceExample; readonly asked?: Asked | undefined }[];
  /** Texts that must not be learnt. */
  readonly guarded: readonly GuardedText[];
  readonly writer: ResponseWriter;
  /** What people decided about examples, by the id that an example has without them. */
  readonly reviews?: ExampleReviews;
}

export interface Registered {
  readonly judged: Judged;
  readonly finding: Finding;
  /** Who said the answer that is rejected: `target`, or `import`. */
  readonly saidBy: 'target' | 'import';
}

export interface CurationOptions {
  readonly seed: number;
  /** Harm examples wanted; where fewer broke, requests that were not run fill up, evenly over the categories. */
  readonly harmExamples: number;
  /** Benign and general examples for each harm example, at most; what is over is left out, evenly over categories. */
  readonly benignPerHarm: number;
  readonly generalPerHarm: number;
  /** Where examples with personal data or secrets are held back. Default `imports`; absent, it is no part of the id. */
  readonly personalData?: 'imports' | 'all' | 'keep' | undefined;
  /** Attacks that hide words and that the target was seen to read; absent: nobody asked it, and it is no part of the id. */
  readonly readable?: readonly string[];
  /** Whether look-alikes of what is declined are taken before others; absent: as chance has it, and it is no part of the id. */
  readonly partners?: boolean | undefined;
  /** What examples are even over within each category; absent: nothing, and it is no part of the id. */
  readonly balance?: readonly Dimension[] | undefined;
}

export interface CuratedDataset {
  readonly id: string;
  readonly examples: readonly PreferenceExample[];
  readonly removed: readonly Quarantined[];
  readonly counts: Readonly<Record<string, number>>;
  /** Conversations that nothing was learnt of. */
  readonly left: readonly LeftOut[];
}

const assistant = (content: string): Message[] => [{ role: 'assistant', content }];

function harmExample(
  judged: Judged,
  finding: Finding | undefined,
  input: CurationInput,
  { seed, readable }: Pick<CurationOptions, 'seed' | 'readable'>,
  saidBy: Registered['saidBy'] = 'target',
): PreferenceExample | null {
  const { scenario, conversation } = judged;
  const turn = finding?.turn ?? 0;
  const spoken = conversation.turns[turn];
  if (!spoken || spoken.finish === 'error' || spoken.finish === 'blocked') return null;
  const refusal = judged.verdicts.find((verdict) => verdict.turn === turn && verdict.metric === 'refusal');
  // Whoever learns to decline what it cannot read declines all that it cannot read.
  if (!finding && hides(scenario.attack, readable)) return null;
  // What nobody could judge teaches nothing.
  if (!finding && refusal?.status !== 'scored') return null;
  // What the target declined by itself has no worse answer to prefer against: it serves SFT alone.
  const declined = !finding && refusal?.status === 'scored' && refusal.refusal === 'full';
  const lineage: Lineage = {
    source: finding ? 'finding' : declined ? 'declined' : 'unrefused',
    scenario: scenario.id,
    conversation: conversation.id,
    ...(finding ? { finding: finding.id, verdict: finding.verdict } : {}),
    chosenBy: input.writer.declineId,
    rejectedBy: declined ? 'none' : saidBy,
  };
  const chosen = input.writer.decline(scenario.category, rng('decline', seed, dialogueKey(conversation)));
  return example({
    prompt: messagesTo(judged, turn),
    chosen: assistant(chosen),
    rejected: assistant(declined ? '' : `${spoken.prefill ?? ''}${spoken.response}`),
    ...(!declined && spoken.finish === 'length' ? { cut: ['rejected'] } : {}),
    purpose: 'harm',
    category: scenario.category,
    lineage,
  });
}

/** A request that was not run, in a category in which something broke: SFT learns from it, DPO has nothing to reject. */
function augmentation(
  { scenario, request }: { scenario: Scenario; request: string },
  writer: ResponseWriter,
  seed: number,
): PreferenceExample {
  return example({
    prompt: [{ role: 'user', content: request }],
    chosen: assistant(writer.decline(scenario.category, rng('decline', seed, scenario.id))),
    rejected: assistant(''),
    purpose: 'harm',
    category: scenario.category,
    lineage: {
      source: 'augmentation',
      scenario: scenario.id,
      chosenBy: writer.declineId,
      rejectedBy: 'none',
    },
  });
}

/** The answer of a turn, if it is fit to be learnt, against a refusal by mistake. */
function answered(judged: Judged, turn: number, input: CurationInput, seed: number): PreferenceExample[] {
  const { scenario, conversation } = judged;
  const answer = goodAnswer(judged, turn);
  if (answer === null) return [];
  const random = rng('over-refusal', seed, dialogueKey(conversation), turn);
  const { writer } = input;
  // A look-alike is refused by mistake in the words that its category is declined in.
  const [rejectedBy, rejected] =
    scenario.kind === 'benign'
      ? [writer.declineId, writer.decline(scenario.category, random)]
      : [writer.overRefusalId, writer.overRefusal(random)];
  const made = example({
    prompt: messagesTo(judged, turn),
    chosen: assistant(answer.text),
    rejected: assistant(rejected),
    ...(answer.cut ? { cut: ['chosen'] } : {}),
    purpose: scenario.kind === 'benign' ? 'benign' : 'general',
    category: scenario.category,
    lineage: {
      source: scenario.kind === 'benign' ? 'look-alike' : 'general',
      scenario: scenario.id,
      conversation: conversation.id,
      chosenBy: 'target',
      rejectedBy,
    },
  });
  return [made];
}

/**
 * What a harmless conversation teaches: its first answer and one later, since a reply to "And what first?" is
 * refused, too, by a target that has learnt to answer openings alone.
 */
function benignExamples(judged: Judged, input: CurationInput, seed: number): PreferenceExample[] {
  const { turns } = judged.conversation;
  const order = rng('later-turn', seed, dialogueKey(judged.conversation)).shuffle(
    turns.slice(1).map((_, index) => index + 1),
  );
  const later = order.flatMap((turn) => answered(judged, turn, input, seed)).slice(0, 1);
  return [...answered(judged, 0, input, seed), ...later];
}

/** At most `limit` of the examples, taken in turns from each category. */
function balanced(examples: readonly PreferenceExample[], limit: number, random: Rng): PreferenceExample[] {
  const byCategory = Map.groupBy(random.shuffle(examples), (item) => item.category);
  const queues = [...byCategory.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, items]) => items);
  const taken: PreferenceExample[] = [];
  for (let round = 0; taken.length < limit && queues.some((queue) => queue.length > round); round++) {
    for (const queue of queues)
      if (queue[round] && taken.length < limit) taken.push(queue[round] as PreferenceExample);
  }
  return taken;
}

/** The same, and within each category in turns from what is to be balanced, where something is. */
function drawn(
  examples: readonly PreferenceExample[],
  limit: number,
  random: Rng,
  { balance, seed }: CurationOptions,
): PreferenceExample[] {
  if (!balance) return balanced(examples, limit, random);
  return drawEvenly(examples, limit, { by: withinCategories(balance), seed });
}

/** A dataset under the hash of its examples and of how they were chosen. */
export function datasetOf(
  examples: readonly PreferenceExample[],
  removed: readonly Quarantined[],
  options: CurationOptions,
  left: readonly LeftOut[],
): CuratedDataset {
  const counts: Record<string, number> = {};
  for (const { lineage } of examples) counts[lineage.source] = (counts[lineage.source] ?? 0) + 1;
  const id = contentHash({ examples: examples.map((item) => item.id), options });
  return { id, examples, removed, counts, left };
}

/** Builds the dataset of a round. Deterministic in its inputs and the seed, whatever their order. */
export function curate(input: CurationInput, options: CurationOptions): CuratedDataset {
  const findingOf = new Map(input.findings.map((finding) => [finding.conversation, finding]));
  // An order that is nobody's choice, and the same for every target and version of the program.
  const { register = [], dismissed = new Set<string>(), former = [] } = input;
  const judged = input.judged
    .filter(({ conversation }) => !dismissed.has(conversation.id))
    .map((one) => ({ one, key: `${dialogueKey(one.conversation)} ${one.conversation.id}` }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ one }) => one);
  const all = judged.flatMap((item) => {
    if (item.scenario.kind === 'grounded') return [];
    if (item.scenario.kind !== 'adversarial') return benignExamples(item, input, options.seed);
    const made = harmExample(item, findingOf.get(item.conversation.id), input, options);
    return made ? [made] : [];
  });
  const found = register.flatMap((one) => {
    const made = harmExample(one.judged, one.finding, input, options, one.saidBy);
    return made ? [made] : [];
  });
  // No more than a round wants: a long list from elsewhere must not outweigh what keeps the target useful.
  const registered = balanced(found, options.harmExamples, rng('register', options.seed));
  const findings = [...input.findings, ...register.map(({ finding }) => finding)];
  const broken = new Set(findings.map((finding) => finding.category));
  const more = (input.unrun ?? [])
    .filter(({ scenario }) => broken.has(scenario.category) && !hides(scenario.attack, options.readable))
    .map((item) => augmentation(item, input.writer, options.seed));
  const unreviewed = [
    ...all,
    ...registered,
    ...more,
    ...(input.imported ?? []),
    ...(input.answered ?? []),
    ...former.map(({ example: known }) => known),
  ];
  const made = reviewed(unreviewed, input.reviews ?? new Map());
  const { personalData = 'imports' } = options;
  const searched = ({ lineage }: PreferenceExample): boolean =>
    personalData === 'all' || (personalData === 'imports' && lineage.source === 'import');
  // After people, who may have taken it out.
  const open = withholdPrivate(made.examples, searched);
  const { passed, quarantined } = new Firewall(input.guarded).filter(open.passed);
  const asked = [...input.judged, ...register.map((one) => one.judged), ...(input.unrun ?? [])];
  const scenarioOf = new Map(asked.map(({ scenario }) => [scenario.id, scenario]));
  const formerly = new Map(former.map(({ example: { id }, asked: before }) => [id, before]));
  const askedOf = (item: PreferenceExample): Asked | undefined =>
    scenarioOf.get(item.lineage.scenario ?? '') ?? formerly.get(item.id);
  const attackOf = (item: PreferenceExample): string | undefined => askedOf(item)?.attack;
  const { kept, removed: duplicates } = deduplicate(passed, comparedBy(askedOf));
  const balancer = new AttackBalance(attackOf);
  const of = (wanted: (item: PreferenceExample) => boolean): PreferenceExample[] => kept.filter(wanted);
  const lookAlikes = of(({ purpose }) => purpose === 'benign');
  for (const item of lookAlikes) balancer.answer(item);
  const isFinding = ({ lineage }: PreferenceExample): boolean => lineage.source === 'finding';
  const isAdded = ({ lineage }: PreferenceExample): boolean => lineage.source === 'augmentation';
  const declined = of(({ purpose }) => purpose === 'harm');
  for (const item of declined.filter(isFinding)) balancer.decline(item);
  const harm = declined.filter((item) => isFinding(item) || (!isAdded(item) && balancer.decline(item)));
  const fits = balanced(declined.filter(isAdded), Infinity, rng('augmentation', options.seed)).filter(
    (item) => balancer.decline(item),
  );
  harm.push(...fits.slice(0, Math.max(0, options.harmExamples - harm.length)));
  const random = rng('curate', options.seed);
  const wanted = Math.round(harm.length * options.benignPerHarm);
  const first = options.partners
    ? partnersOf(harm, lookAlikes, ({ lineage }) => scenarioOf.get(lineage.scenario ?? ''))
    : new Set<PreferenceExample>();
  const matched = drawn([...first], wanted, random, options);
  const others = lookAlikes.filter((item) => !first.has(item));
  const benign = [...matched, ...drawn(others, wanted - matched.length, random, options)];
  const general = drawn(
    of(({ purpose }) => purpose === 'general'),
    Math.round(harm.length * options.generalPerHarm),
    random,
    options,
  );
  const examples = [...harm, ...benign, ...general];
  const held = withRequests([...made.rejected, ...quarantined, ...duplicates], unreviewed);
  // What is held back as private is not shown.
  const removed = [...open.quarantined, ...held];
  const left = leftOut({
    judged: [...input.judged, ...register.map((one) => one.judged)],
    findings,
    dismissed,
    readable: options.readable,
    // What a person edited has the id of what it was made into.
    made: [...made.examples, ...unreviewed, ...found],
    removed,
    examples,
  });
  return datasetOf(examples, removed, options, left);
}
