/** The scenarios of a round: which of the suites run, which choose, which are sealed, and what may not be learnt. */
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { Scenario, Split } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { GuardedText } from '../curation/firewall.ts';
import { ATTACKS, isAttack } from '../dialogue/attacks/index.ts';
import { nextRequest, PERSONAS } from '../dialogue/simulator.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { loadRaiSuites, raiTexts } from '../scenarios/rai.ts';
import { expandSuite, type ExpandOptions } from '../scenarios/expand.ts';
import { heldOut } from '../scenarios/held-out.ts';
import { type Limits, loadPromptList, loadSuites, type Suite, suiteTexts } from '../scenarios/suite.ts';

/** Everyday prompts as scenarios: no category, no check, only an answer worth keeping. */
function everydayScenarios(count: number): Scenario[] {
  const list = loadPromptList(BUILT_IN.everyday);
  return list.prompts.slice(0, count).map((prompt, index) => {
    const parts = {
      suite: `${list.id}@${list.version}`,
      split: 'dev' as const,
      category: 'everyday',
      kind: 'general' as const,
      metric: 'refusal' as const,
      persona: 'ordinary-person',
      objective: prompt,
      turns: 1,
    };
    return { id: contentHash(parts), key: `everyday-${index}`, ...parts };
  });
}

/** Errors: `data`, with every persona and attack that an arm names and nobody knows. */
function refuseUnknownNames(suites: readonly Suite[]): void {
  const problems = suites.flatMap(({ id, arms }) =>
    arms.flatMap((arm) => {
      const personas = Object.values(arm.personas).filter((name) => !Object.hasOwn(PERSONAS, name));
      const attacks = (arm.attacks ?? []).map((attack) => attack.id).filter((name) => !isAttack(name));
      return [
        ...[...new Set(personas)].map((name) => `persona '${name}'`),
        ...[...new Set(attacks)].map((name) => `attack '${name}'`),
      ].map((what) => `  suite '${id}', arm '${arm.id}': unknown ${what}`);
    }),
  );
  if (problems.length === 0) return;
  throw new TemperError('data', `the suites name what is not known:\n${problems.join('\n')}`, {
    hint: `Personas: ${Object.keys(PERSONAS).join(', ')}. Attacks: ${Object.keys(ATTACKS).join(', ')}.`,
  });
}

/** The suites of a configuration, by what they are for. Errors: `data`, for what a conversation would find later, too. */
export function loadSplits(config: Config): SplitSuites {
  const all = loadSuites(config.suites.directory ?? BUILT_IN.suites);
  refuseUnknownNames(all);
  const of = (split: Split): Suite[] => {
    const suites = all.filter((suite) => suite.split === split);
    if (suites.length > 0) return suites;
    throw new TemperError('data', `there is no suite with the split '${split}'`, {
      hint: 'Name a folder that has one with --set suites.directory=...',
    });
  };
  return { dev: of('dev'), sealed: of('sealed') };
}

export interface SplitSuites {
  readonly dev: readonly Suite[];
  readonly sealed: readonly Suite[];
}

/** What a scenario asks and shows. */
const textsOf = ({ key, kind, objective, context }: Scenario): GuardedText[] =>
  [...(kind === 'grounded' ? objective.split('\n') : [objective]), context ?? ''].map((text) => ({
    key,
    text,
  }));

export interface RoundScenarios {
  /** Dev scenarios that break the target and feed the fix. */
  readonly train: readonly Scenario[];
  /** Requests of dev scenarios that are not run: the curation may add them. */
  readonly unrun: readonly { readonly scenario: Scenario; readonly request: string }[];
  /** Dev scenarios kept from training, for choosing among candidates. */
  readonly holdout: readonly Scenario[];
  /** These and more of them, for choosing among the best ones. */
  readonly finals: readonly Scenario[];
  /** All dev scenarios, for measuring dev alone. */
  readonly dev: readonly Scenario[];
  readonly sealed: readonly Scenario[];
  /** All of `sealed`, and further ones up to so many of a kind, as far as the suites have them. */
  readonly moreSealed: (limits: Readonly<Record<string, number>>) => readonly Scenario[];
  /** What training may not see: all texts of the sealed suites, whatever of them runs, and the held-out ones. */
  readonly guarded: readonly GuardedText[];
}

/** Share of the checked questions that is kept for choosing: of few, one answer more or less would decide. */
const CHECKS_HELD = 1 / 3;

/** Dev scenarios in two parts that share no objective, what dev has beyond them, and the sealed ones. */
export function roundScenarios(config: Config, suites: SplitSuites): RoundScenarios {
  const limits = (split: 'dev' | 'sealed') =>
    Object.fromEntries(Object.entries(config.suites[split]).filter(([, value]) => value !== null));
  const expand = (split: 'dev' | 'sealed', { limit = limits(split), ...which }: ExpandOptions = {}) =>
    suites[split].flatMap((suite) => expandSuite(suite, { limit, seed: config.seed, ...which }));
  const { holdout: part, scenarios: first, final } = config.selection;
  const keys = heldOut(suites.dev, (kind) => (kind === 'general' ? Math.max(part, CHECKS_HELD) : part));
  const held = ({ key }: Scenario): boolean => keys.has(key.split('+')[0]!);
  const running = expand('dev', { only: (scenario) => !held(scenario) });
  const known = new Set(running.map((scenario) => scenario.id));
  const rest = expand('dev', { limit: {}, only: (scenario) => !held(scenario) }).filter(
    ({ kind, id }) => kind === 'adversarial' && !known.has(id),
  );
  // Single turns are enough to choose by, and quick. But a small run stays small. Texts to continue and to sum up choose, too, and
  // look-alikes are as close to their partners in words as sealed ones are.
  const choosing = (most: number): Scenario[] => {
    const few = Object.entries(config.suites.dev).map(([kind, limit]) => [
      kind,
      Math.ceil(Math.min(most, limit ?? most) / suites.dev.length),
    ]);
    const only = (scenario: Scenario): boolean => held(scenario) && scenario.turns === 1;
    return expand('dev', { limit: Object.fromEntries(few) as Limits, only, closest: true });
  };
  const holdout = choosing(first);
  const finals = final === null ? holdout : choosing(Math.max(first, final.scenarios));
  return {
    train: [...running, ...everydayScenarios(config.suites.everyday)],
    unrun: rest.flatMap((scenario) => {
      const first = nextRequest(scenario, [], false, rng('unrun', config.seed, scenario.id));
      return first ? [{ scenario, request: first.request }] : [];
    }),
    holdout,
    finals,
    dev: expand('dev'),
    sealed: expand('sealed'),
    moreSealed: (more) => expand('sealed', { limit: { ...limits('sealed'), ...more } }),
    // All of the sealed suite: another limit or seed runs another part of it.
    // So are the responsible-AI suites, which are always sealed.
    guarded: [
      ...suites.sealed.flatMap(suiteTexts),
      ...loadRaiSuites(BUILT_IN.rai).flatMap(raiTexts),
      ...finals.flatMap(textsOf),
    ],
  };
}

/** At most `limit` scenarios, taken in turns from each attack and from those without one; null: all. */
export function evenlyByAttack(scenarios: readonly Scenario[], limit: number | null): Scenario[] {
  if (limit === null || limit >= scenarios.length) return [...scenarios];
  const queues = [...Map.groupBy(scenarios, ({ attack = '' }) => attack).values()];
  const longest = Math.max(0, ...queues.map((queue) => queue.length));
  const turns = Array.from({ length: longest }, (_, turn) =>
    queues.flatMap((queue) => queue.slice(turn, turn + 1)),
  );
  return turns.flat().slice(0, limit);
}
