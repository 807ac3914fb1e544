/**
 * From a suite to scenarios: items crossed with arms, in a seeded order that any limit cuts short without losing
 * balance over categories, arms or attacks.
 */
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import type { Scenario, ScenarioKind } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import { sharedWords } from './contrast.ts';
import type { Arm, Limits, Suite, SuiteItem, Task } from './suite.ts';

export interface ExpandOptions {
  /** A preset of the suite, or `full` (default) for everything. */
  readonly preset?: string;
  /** Most scenarios of each kind; overrides the preset kind by kind. */
  readonly limit?: Limits;
  /** Decides which items each arm gets and which cells a limit keeps. Default 1. */
  readonly seed?: number;
  /** Which scenarios there are at all, before a limit is kept in its proportions. Default: every one. */
  readonly only?: (scenario: Scenario) => boolean;
  /** Every other objective is one whose look-alike shares most words with it; each arm has others of these. Default: chance alone. */
  readonly closest?: boolean;
}

type Adversarial = Extract<SuiteItem, { kind: 'adversarial' }>;
type Benign = Extract<SuiteItem, { kind: 'benign' }>;

/** An objective with its look-alike, or either alone. */
interface Unit {
  readonly category: string;
  readonly adversarial?: Adversarial;
  readonly benign?: Benign;
}

/** A unit in an arm. */
interface Cell {
  readonly unit: Unit;
  readonly arm: Arm;
  readonly attack?: { readonly id: string; readonly family: string };
}

/** Share of a limited kind that goes to continuation and to summarization each (both are rows of the scorecard). */
const TEXT_TASK_SHARE = 0.1;

/**
 * The scenarios of a suite. The same options give the same list; a smaller limit gives a subset of a larger one
 * within each task; adversarial scenarios and their look-alikes are cut in the same order, so pairs stay together.
 */
export function expandSuite(suite: Suite, options: ExpandOptions = {}): Scenario[] {
  const limit = { ...presetLimits(suite, options.preset ?? 'full'), ...options.limit };
  const seed = options.seed ?? 1;
  const only = options.only ?? (() => true);
  const cells = orderedCells(suite, seed, options.closest ?? false);
  const scenarios: Scenario[] = [];
  for (const kind of ['adversarial', 'benign'] as const) {
    const total = limit[kind] ?? Infinity;
    // As many as are wanted, and no more: each has its hash to be made.
    const of = (some: readonly Cell[], most: number): Scenario[] => {
      const taken: Scenario[] = [];
      for (const cell of some) {
        if (taken.length >= most) break;
        if (cell.unit[kind] === undefined) continue;
        const scenario = pairScenario(suite, cell, kind);
        if (only(scenario)) taken.push(scenario);
      }
      return taken;
    };
    const texts = (['continuation', 'summarization'] as const).flatMap((task) =>
      of(textCells(suite, kind, task, seed), Math.round(total * TEXT_TASK_SHARE)),
    );
    scenarios.push(...of(cells, total - texts.length), ...texts);
  }
  scenarios.push(...groundedScenarios(suite, seed).filter(only).slice(0, limit.grounded));
  scenarios.push(...generalScenarios(suite, seed).filter(only).slice(0, limit.general));
  return scenarios;
}

function presetLimits(suite: Suite, preset: string): Limits {
  const limits = preset === 'full' ? (suite.presets[preset] ?? {}) : suite.presets[preset];
  if (limits === undefined) {
    throw new TemperError('config', `suite '${suite.id}' has no preset '${preset}'`, {
      hint: `Use one of: ${[...new Set([...Object.keys(suite.presets), 'full'])].join(', ')}.`,
    });
  }
  return limits;
}

/** Objectives with their look-alikes, grouped by category in file order. */
function unitsByCategory(suite: Suite): Map<string, Unit[]> {
  const benignByKey = new Map<string, Benign>();
  for (const item of suite.items) {
    if (item.kind === 'benign' && item.task === 'ask') benignByKey.set(item.key, item);
  }
  const units: Unit[] = [];
  const mirrored = new Set<string>();
  for (const item of suite.items) {
    if (item.kind !== 'adversarial' || item.task !== 'ask') continue;
    const benign = item.partner === undefined ? undefined : benignByKey.get(item.partner);
    if (benign !== undefined) mirrored.add(benign.key);
    units.push({
      category: item.category,
      adversarial: item,
      ...(benign === undefined ? {} : { benign }),
    });
  }
  for (const benign of benignByKey.values()) {
    if (!mirrored.has(benign.key)) units.push({ category: benign.category, benign });
  }
  return Map.groupBy(units, (unit) => unit.category);
}

/**
 * All cells of the `ask` task. Within a category the first arm's first cell leads; the others follow by
 * (k + u) / share with u uniform, so that every prefix holds the arms in about the proportion of their shares.
 * Categories then take turns.
 */
function orderedCells(suite: Suite, seed: number, closest: boolean): Cell[] {
  const queues = [...unitsByCategory(suite)].map(([category, units], categoryIndex) => {
    const placed: { cell: Cell; position: number }[] = [];
    for (const [armIndex, arm] of suite.arms.entries()) {
      if (arm.except?.includes(category)) continue;
      const random = rng('suite-arm', suite.id, seed, arm.id, category);
      const offset = random.next();
      // Units with an objective lead, so that a leaf with few of them still shows them under a small limit.
      const shuffled = random
        .shuffle(units)
        .sort((a, b) => Number(b.adversarial !== undefined) - Number(a.adversarial !== undefined));
      const close = closest
        ? byContrast(units).filter((_, rank) => rank % suite.arms.length === armIndex)
        : [];
      const chosen = [...new Set(roundRobin([close, shuffled]))].slice(
        0,
        Math.ceil(arm.share * units.length),
      );
      for (const [k, unit] of chosen.entries()) {
        const attack = arm.attacks?.[(categoryIndex + k) % arm.attacks.length];
        placed.push({
          cell: { unit, arm, ...(attack === undefined ? {} : { attack }) },
          position: armIndex === 0 && k === 0 ? -1 : (k + offset) / arm.share,
        });
      }
    }
    return placed.sort((a, b) => a.position - b.position).map(({ cell }) => cell);
  });
  return roundRobin(rng('suite-categories', suite.id, seed).shuffle(queues));
}

/** Objectives with a look-alike, that with most words in common first. */
function byContrast(units: readonly Unit[]): Unit[] {
  return units
    .flatMap((unit) => {
      const { adversarial, benign } = unit;
      return adversarial && benign ? [{ unit, shared: sharedWords(adversarial.prompt, benign.prompt) }] : [];
    })
    .sort((a, b) => b.shared - a.shared)
    .map(({ unit }) => unit);
}

/** Continuation and summarization cells of one kind, those with a partner first, balanced over categories; always asked plainly in one turn. */
function textCells(suite: Suite, kind: 'adversarial' | 'benign', task: Task, seed: number): Cell[] {
  const [first] = suite.arms;
  if (first === undefined) return [];
  const { attacks: _, ...plain } = { ...first, turns: 1 };
  const cells = suite.items.flatMap((item): Cell[] =>
    item.kind === kind && item.task === task
      ? [{ unit: { category: item.category, [kind]: item }, arm: plain }]
      : [],
  );
  const itemOf = ({ unit }: Cell): Adversarial | Benign => unit[kind] as Adversarial | Benign;
  const pair = (cell: Cell): string[] => [itemOf(cell).key, itemOf(cell).partner ?? ''].sort();
  const shuffled = rng('suite-text', suite.id, seed, kind, task).shuffle(cells);
  const [paired = [], alone = []] = [true, false].map((wanted) =>
    shuffled.filter((cell) => (itemOf(cell).partner !== undefined) === wanted),
  );
  // The order of pairs is that of the other kind, too, so that they stay together.
  const ordered = rng('suite-text-pairs', suite.id, seed, task).shuffle(
    paired.toSorted((a, b) => (pair(a).join() < pair(b).join() ? -1 : 1)),
  );
  return [ordered, alone].flatMap((some) =>
    roundRobin([...Map.groupBy(some, (cell) => cell.unit.category).values()]),
  );
}

function roundRobin<T>(queues: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...queues.map((queue) => queue.length));
  return Array.from({ length: longest }, (_, round) =>
    queues.flatMap((queue) => queue.slice(round, round + 1)),
  ).flat();
}

function pairScenario(suite: Suite, cell: Cell, kind: 'adversarial' | 'benign'): Scenario {
  const item = cell.unit[kind] as Adversarial | Benign;
  const { arm, attack } = cell;
  const suffix = attack === undefined ? (arm === suite.arms[0] ? '' : arm.id) : attack.id;
  const named = (key: string): string => (suffix === '' || item.task !== 'ask' ? key : `${key}+${suffix}`);
  const mirror =
    item.task === 'ask' ? cell.unit[kind === 'benign' ? 'adversarial' : 'benign']?.key : item.partner;
  const row = kind === 'benign' ? undefined : attack === undefined ? (item as Adversarial).row : 'jailbreak';
  return identified(named(item.key), {
    suite: suite.id,
    split: suite.split,
    category: item.category,
    kind,
    ...(row === undefined ? {} : { row }),
    metric: kind === 'adversarial' ? 'severity' : 'refusal',
    persona: arm.personas[kind],
    objective: item.prompt,
    turns: arm.turns,
    ...(attack === undefined ? {} : { attack: attack.id, attackFamily: attack.family }),
    ...(mirror === undefined ? {} : { partner: named(mirror) }),
  });
}

function groundedScenarios(suite: Suite, seed: number): Scenario[] {
  return seededItems(suite, 'grounded', seed).map((item) =>
    identified(item.key, {
      suite: suite.id,
      split: suite.split,
      category: 'grounded',
      kind: 'grounded',
      row: 'ungroundedness',
      metric: 'ungroundedness',
      persona: 'ordinary-person',
      objective: item.questions.join('\n'),
      turns: item.questions.length,
      context: item.context,
    }),
  );
}

function generalScenarios(suite: Suite, seed: number): Scenario[] {
  return seededItems(suite, 'general', seed).map((item) =>
    identified(item.key, {
      suite: suite.id,
      split: suite.split,
      category: 'general',
      kind: 'general',
      metric: 'refusal',
      persona: 'ordinary-person',
      objective: item.prompt,
      turns: 1,
      accept: item.accept,
    }),
  );
}

function seededItems<K extends ScenarioKind>(
  suite: Suite,
  kind: K,
  seed: number,
): Extract<SuiteItem, { kind: K }>[] {
  const items = suite.items.filter((item): item is Extract<SuiteItem, { kind: K }> => item.kind === kind);
  return rng('suite-items', suite.id, seed, kind).shuffle(items);
}

/** Adds the id: the hash of everything but the key. */
function identified(key: string, rest: Omit<Scenario, 'id' | 'key'>): Scenario {
  return { id: contentHash(rest), key, ...rest };
}
