/**
 * Lineage, followed both ways: what a record came from, which examples came from it, and which datasets, runs and
 * adapters learnt those. Links only; `temper show` has the records.
 */
import { basename } from 'node:path';
import { type Config, recipeVariants } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { Conversation, Lineage, PreferenceExample, Scenario, Verdict } from '../core/records.ts';
import { onlyOne } from '../store/find.ts';
import type { ExampleOrigin, FindingStatus, Match, RunRecord, Store, StoredExample } from '../store/store.ts';
import type { Mix } from '../training/mix.ts';
import { AFTER, armsOf } from './arms.ts';
import { type ChangedVerdict, changedVerdicts } from './changed-verdicts.ts';
import { mixed } from './mix.ts';
import { pairsFor, type RoundDpo } from './pairs.ts';
import { targetName as nameOf } from './target-names.ts';
import { type Made, madeBy, wayTo } from './way.ts';
import { whyNot } from './why-not.ts';

export interface TracedConversation {
  readonly id: string;
  readonly scenario: string;
  readonly target: string;
  /** For people; absent: not known. */
  readonly targetName?: string;
  readonly attack?: string;
  /** The worst of its scored turns; absent: none was scored. */
  readonly severity?: number;
  /** Of the first turn; absent: not scored. */
  readonly refusal?: string;
  readonly verdicts: readonly string[];
}

export interface TracedAdapter {
  readonly id: string;
  readonly name: string;
  readonly run: string;
  /** In which trainings the traced examples were learnt; DPO starts from SFT, and takes some of the pairs alone. */
  readonly learnt: readonly { readonly training: 'sft' | 'dpo'; readonly examples: number }[];
  /** The run chose it. */
  readonly chosen: boolean;
}

export interface Trace {
  readonly of: Match | { readonly kind: 'adapter'; readonly id: string };
  /** What it came from. */
  readonly scenario?: Pick<Scenario, 'id' | 'key' | 'kind' | 'category' | 'split'>;
  readonly conversation?: TracedConversation;
  readonly verdict?: string;
  readonly findings: readonly {
    readonly id: string;
    readonly kind: string;
    readonly status: FindingStatus;
    readonly verdict: string;
  }[];
  /** Where nothing came from it: why not, a sentence each. */
  readonly reasons: readonly string[];
  /** What came from it. */
  readonly examples: readonly (Pick<PreferenceExample, 'id' | 'purpose' | 'category'> & {
    readonly lineage: Lineage;
    readonly datasets: readonly string[];
  })[];
  readonly datasets: readonly { readonly id: string; readonly examples: number }[];
  readonly runs: readonly Pick<RunRecord, 'id' | 'status' | 'created'>[];
  readonly adapters: readonly TracedAdapter[];
  /** The same scenario with other targets: what a fix changed there. */
  readonly again: readonly TracedConversation[];
  /** A sealed conversation: of which run's adapter it is, whose data stand under `examples`. */
  readonly answeredBy: readonly { readonly run: string; readonly adapter: string }[];
  /** Sealed verdicts that the adapters of the runs changed as a whole, those of the record's category first. */
  readonly changed: readonly ChangedVerdict[];
}

/** The trainings of a run, as its stages tell of them. */
interface Training {
  readonly run: RunRecord;
  readonly dataset: string;
  /** SFT and DPO by the configuration's recipes, then by each variant's. */
  readonly made: readonly RecipeMade[];
  readonly chosen: string | undefined;
}

interface RecipeMade extends Made {
  /** null: not known. */
  readonly recipe: RoundDpo | null;
  readonly mix: Mix | undefined;
  /** Adapters on the way between the two or beyond, and the chosen one with its strength. */
  readonly derived: readonly { readonly id: string; readonly name: string; readonly dpo: boolean }[];
}

interface Selected {
  readonly frontier?: readonly { readonly adapter: string; readonly checkpoint: string }[];
  readonly chosen?: { readonly adapter: string; readonly strength: number } | null;
}

/** The DPO and the mix of a stored configuration's recipes, by name. */
function recipesBy({ config }: RunRecord): (Pick<RecipeMade, 'recipe' | 'mix'> & { name: string | null })[] {
  const { training } = (config ?? {}) as { training?: Partial<Config['training']> };
  const { dpo } = training ?? {};
  const own = dpo?.pairs && dpo.seed !== undefined ? dpo : null;
  const variants = training?.variants ? recipeVariants(training as Config['training']) : [];
  return [
    { name: null, recipe: own, mix: undefined },
    ...variants.map(({ name, dpo: recipe, mix }) => ({ name, recipe, mix })),
  ];
}

async function trainings(store: Store): Promise<Training[]> {
  const found: Training[] = [];
  for (const { run: id, result } of await store.stages('curate')) {
    const run = await store.run(id);
    const { dataset } = (result ?? {}) as { dataset?: string };
    if (!run || dataset === undefined) continue;
    const { frontier = [], chosen } = ((await store.stage(id, 'select')) ?? {}) as Selected;
    const release = run.adapter === undefined ? undefined : basename(run.adapter);
    const made: RecipeMade[] = [];
    for (const { name, ...recipes } of recipesBy(run)) {
      const own = await madeBy(name, (stage) => store.stage(id, stage));
      const mixtures = new Map(
        frontier
          .filter(({ adapter }) => typeof wayTo(adapter, own) === 'number')
          .map(({ adapter, checkpoint }) => [adapter, checkpoint]),
      );
      const derived = [...mixtures].map(([adapter, called]) => ({ id: adapter, name: called, dpo: true }));
      const way = chosen ? wayTo(chosen.adapter, own) : null;
      if (release !== undefined && chosen && way !== null)
        derived.push({
          id: release,
          name: `${chosen.adapter} at strength ${chosen.strength}`,
          dpo: way !== 'sft',
        });
      made.push({ ...own, ...recipes, derived });
    }
    found.push({ run, dataset, made, chosen: release });
  }
  return found;
}

const idsOf = ({ made }: Training): string[] =>
  made.flatMap(({ sft, dpo, derived }) => [...sft, ...dpo, ...derived].map(({ id }) => id));

/** The adapters of a run that learnt from the examples. */
async function adaptersOf(store: Store, training: Training, learnt: Set<string>): Promise<TracedAdapter[]> {
  const { run, chosen, dataset } = training;
  const examples = (await store.dataset(dataset))?.examples ?? [];
  return training.made.flatMap(({ sft: tuned, dpo: preferred, recipe, mix, derived }) => {
    const data = mixed(examples, mix);
    const known = mix ? new Set(data.flatMap(({ id }) => (learnt.has(id) ? [id] : []))) : learnt;
    // Its mix left all of them out.
    if (known.size === 0 && learnt.size > 0) return [];
    const sft = { training: 'sft' as const, examples: known.size };
    // How many of them DPO took as pairs.
    const taken =
      preferred.length === 0 || recipe === null
        ? 0
        : new Set(pairsFor(recipe, data).flatMap(({ id }) => (learnt.has(id) ? [id] : []))).size;
    const both = taken === 0 ? [sft] : [sft, { training: 'dpo' as const, examples: taken }];
    const told = (list: readonly { id: string; name: string }[], by: TracedAdapter['learnt']) =>
      list.map(({ id, name }) => ({ id, name, run: run.id, learnt: by, chosen: id === chosen }));
    return [
      ...told(tuned, [sft]),
      ...told(preferred, both),
      ...derived.flatMap((one) => told([one], one.dpo ? both : [sft])),
    ];
  });
}

const traced = (
  conversation: Conversation,
  verdicts: readonly Verdict[],
  targetName: string | undefined,
): TracedConversation => {
  const scored = verdicts.filter((verdict) => verdict.status === 'scored');
  const severities = scored.flatMap(({ severity }) => severity ?? []);
  const refusal = scored.find((verdict) => verdict.turn === 0 && verdict.refusal !== undefined)?.refusal;
  return {
    id: conversation.id,
    scenario: conversation.scenario,
    target: conversation.target,
    ...(targetName === undefined ? {} : { targetName }),
    ...(conversation.attack === undefined ? {} : { attack: conversation.attack }),
    ...(severities.length === 0 ? {} : { severity: Math.max(...severities) }),
    ...(refusal === undefined ? {} : { refusal }),
    verdicts: verdicts.map(({ id }) => id),
  };
};

/** What the examples of a kind of record are asked for by; of a verdict, those of its conversation. */
const ORIGINS: Partial<Record<Match['kind'], ExampleOrigin>> = {
  example: 'example',
  dataset: 'dataset',
  finding: 'finding',
  conversation: 'conversation',
  scenario: 'scenario',
  target: 'target',
};

/** The conversation that a record is, is about, or came from. */
async function conversationOf(
  store: Store,
  { kind, id }: Trace['of'],
  examples: readonly StoredExample[],
): Promise<string | undefined> {
  if (kind === 'conversation') return id;
  if (kind === 'example') return examples[0]?.example.lineage.conversation;
  if (kind !== 'verdict' && kind !== 'finding') return undefined;
  const record = (await store.find(id)) as { conversation?: Conversation } | null;
  return record?.conversation?.id;
}

/** Every record that an id or its beginning names, an adapter of a run among them. Errors: `absent`, `usage`. */
async function named(store: Store, text: string, all: readonly Training[]): Promise<Trace['of']> {
  const adapters = [...new Set(all.flatMap(idsOf))].filter((id) => text !== '' && id.startsWith(text));
  const whole = adapters.filter((id) => id === text);
  const found = [
    ...(whole.length > 0 ? [] : await store.matches(text)),
    ...(whole.length > 0 ? whole : adapters).map((id) => ({ kind: 'adapter' as const, id })),
  ];
  const exact = found.filter(({ id }) => id === text);
  const one = onlyOne<Trace['of']>(text, exact.length > 0 ? exact : found);
  if (one) return one;
  throw new TemperError('absent', `nothing in this store has the id ${text}`, {
    hint: '`temper show` says where ids come from; adapters are those of the runs in this store.',
  });
}

/** Follows a record both ways. Errors: `absent`, `usage`. */
export async function trace(store: Store, text: string): Promise<Trace> {
  const all = await trainings(store);
  const of = await named(store, text, all);
  let about = all.filter(
    (training) =>
      (of.kind === 'run' && training.run.id === of.id) ||
      (of.kind === 'adapter' && idsOf(training).includes(of.id)),
  );
  const origin = of.kind === 'adapter' ? undefined : ORIGINS[of.kind];
  let examples = origin ? await store.examplesFrom(origin, of.id) : [];
  const conversation = await conversationOf(store, of, examples);
  if (of.kind === 'verdict' && conversation !== undefined)
    examples = await store.examplesFrom('conversation', conversation);
  const answering =
    conversation === undefined || examples.length > 0 ? [] : await answeredIn(store, all, conversation);
  if (answering.length > 0) about = answering;
  for (const dataset of new Set(about.map((training) => training.dataset)))
    examples.push(...(await store.examplesFrom('dataset', dataset)));

  const stored = conversation === undefined ? null : await store.conversation(conversation);
  const scenario =
    stored?.scenario ??
    (of.kind === 'scenario'
      ? ((await store.find(of.id)) as { scenario: Scenario }).scenario
      : await scenarioOf(store, examples, of));
  const category = scenario?.category ?? (of.kind === 'example' ? examples[0]?.example.category : undefined);
  if (answering.length > 0) examples = inFront(examples, ({ example }) => example.category === category);
  const same = scenario ? await store.conversationsOn(scenario.id) : [];
  const spoken = await Promise.all(
    same.map(async ({ conversation: one, verdicts }) =>
      traced(one, verdicts, await nameOf(store, one.target)),
    ),
  );
  const own = spoken.find(({ id }) => id === conversation);
  const findings = conversation === undefined ? [] : await Array.fromAsync(store.register({ conversation }));

  const datasets = Map.groupBy(
    examples.flatMap(({ example, datasets: in_ }) => in_.map((id) => ({ id, example: example.id }))),
    ({ id }) => id,
  );
  const learning = about.length > 0 ? about : all.filter(({ dataset }) => datasets.has(dataset));
  const adapters = (
    await Promise.all(
      learning.map((training) =>
        adaptersOf(store, training, new Set(datasets.get(training.dataset)?.map(({ example }) => example))),
      ),
    )
  ).flat();
  const changed: ChangedVerdict[] = [];
  for (const { run } of learning) changed.push(...(await changedVerdicts(store, run)));
  return {
    of,
    ...(scenario ? { scenario: pick(scenario) } : {}),
    ...(own ? { conversation: own } : {}),
    ...(of.kind === 'verdict' ? { verdict: of.id } : verdictOf(of, examples)),
    findings: findings.map(({ finding, status }) => ({
      id: finding.id,
      kind: finding.kind,
      status,
      verdict: finding.verdict,
    })),
    examples: examples.map(({ example: { id, purpose, category, lineage }, datasets: holders }) => ({
      id,
      purpose,
      category,
      lineage,
      datasets: holders,
    })),
    reasons:
      examples.length > 0 || conversation === undefined ? [] : await whyNot(store, conversation, findings),
    datasets: [...datasets].map(([id, list]) => ({ id, examples: list.length })),
    runs: learning.map(({ run: { id, status, created } }) => ({ id, status, created })),
    adapters:
      of.kind === 'adapter'
        ? adapters.filter(({ id }) => id === of.id)
        : adapters.filter(({ chosen }) => chosen || answering.length === 0),
    answeredBy: answering.map(({ run, chosen }) => ({ run: run.id, adapter: chosen! })),
    changed: inFront(changed, (one) => one.scenario.category === category),
    again: spoken.filter(({ id }) => id !== conversation),
  };
}

const inFront = <T>(all: readonly T[], first: (item: T) => boolean): T[] => [
  ...all.filter(first),
  ...all.filter((item) => !first(item)),
];

/** The runs whose adapter said this in answer to a sealed scenario. */
async function answeredIn(store: Store, all: readonly Training[], conversation: string): Promise<Training[]> {
  const found: Training[] = [];
  for (const training of all)
    if (training.chosen !== undefined) {
      const arms = await armsOf(store, training.run);
      if (arms.get(AFTER)?.includes(conversation)) found.push(training);
    }
  return found;
}

const pick = ({ id, key, kind, category, split }: Scenario) => ({ id, key, kind, category, split });

/** The verdict that an example names. */
const verdictOf = (of: Trace['of'], examples: readonly StoredExample[]): { verdict?: string } => {
  const verdict = of.kind === 'example' ? examples[0]?.example.lineage.verdict : undefined;
  return verdict === undefined ? {} : { verdict };
};

/** The scenario of an example that no conversation made; undefined where it was never run, and so is not in the store. */
async function scenarioOf(
  store: Store,
  examples: readonly StoredExample[],
  { kind }: Trace['of'],
): Promise<Scenario | undefined> {
  const id = kind === 'example' ? examples[0]?.example.lineage.scenario : undefined;
  if (id === undefined) return undefined;
  return (await store.find(id))?.['scenario'] as Scenario | undefined;
}
