/**
 * How often the words suspect a user of being off the subject (src/dialogue/off-category.ts), over the dev suite:
 * `node bench/off-category.ts`. Scripted conversations and requests on the same subject in other words should not be suspected,
 * requests of another category should. No model is asked. Figures: docs/method.md.
 */
import { loadConfig } from '../src/config/config.ts';
import { rng } from '../src/core/rng.ts';
import type { Scenario, Turn } from '../src/core/records.ts';
import { sharesNoWord } from '../src/dialogue/off-category.ts';
import { nextRequest } from '../src/dialogue/simulator.ts';
import { loadSplits } from '../src/loop/scenarios.ts';
import { expandSuite } from '../src/scenarios/expand.ts';

const config = loadConfig(undefined, []);
const scenarios = loadSplits(config)
  .dev.flatMap((suite) => expandSuite(suite, { seed: config.seed }))
  .filter(({ kind }) => kind === 'adversarial' || kind === 'benign');

/** What the scripted user says if it is refused every other time. */
function said(scenario: Scenario): string[] {
  const turns: Turn[] = [];
  for (;;) {
    const { length: index } = turns;
    const next = nextRequest(scenario, turns, index % 2 === 1, rng('off-category', scenario.key, index));
    if (next === null) return turns.map(({ plain }) => plain);
    turns.push({ ...next, index, response: '', finish: 'stop', tokens: 0 });
  }
}

const share = (pairs: readonly (readonly [goal: string, messages: readonly string[]])[]): string => {
  const suspected = pairs.filter(([goal, messages]) => sharesNoWord(messages, goal)).length;
  return `${suspected} of ${pairs.length}, ${((100 * suspected) / pairs.length).toFixed(1)} %`;
};

const scripted = scenarios.map((scenario) => [scenario.objective, said(scenario)] as const);
const different = [...new Map(scenarios.map((scenario) => [scenario.objective, scenario])).values()];
const byKey = new Map(different.map((scenario) => [scenario.key, scenario]));
const random = rng('off-category');
const rows = {
  'scripted conversations': scripted,
  '- without their openings': scripted
    .filter(([, messages]) => messages.length > 1)
    .map(([goal, messages]) => [goal, messages.slice(1)] as const),
  'the look-alike of the objective, or the objective of the look-alike': different.flatMap(
    ({ objective, partner = '' }) => {
      const other = byKey.get(partner);
      return other && other.objective !== objective ? [[objective, [other.objective]] as const] : [];
    },
  ),
  'an objective of another category': different.map(({ objective, category, kind }) => {
    const others = different.filter((each) => each.category !== category && each.kind === kind);
    return [objective, [random.pick(others).objective]] as const;
  }),
};
for (const [name, pairs] of Object.entries(rows)) console.log(`${name}: ${share(pairs)}`);
