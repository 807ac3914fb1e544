/** The harmless partners of what is declined: the contrast shows what it is about a request that is declined, and what is not. */
import type { PreferenceExample, Scenario } from '../core/records.ts';

/** The objective that a scenario is of, whatever attack is around it. */
const objectiveOf = (key: string): string => key.split('+')[0]!;

/** Of the look-alikes those that are the partner of a declined request, or whose partner one is. */
export function partnersOf(
  declined: readonly PreferenceExample[],
  lookAlikes: readonly PreferenceExample[],
  scenarioOf: (example: PreferenceExample) => Pick<Scenario, 'key' | 'partner'> | undefined,
): Set<PreferenceExample> {
  const keys = new Set<string>();
  for (const example of declined) {
    const scenario = scenarioOf(example);
    if (scenario) keys.add(objectiveOf(scenario.key));
    if (scenario?.partner !== undefined) keys.add(objectiveOf(scenario.partner));
  }
  return new Set(
    lookAlikes.filter((example) => {
      const scenario = scenarioOf(example);
      return (
        scenario !== undefined &&
        [scenario.key, scenario.partner].some((key) => key !== undefined && keys.has(objectiveOf(key)))
      );
    }),
  );
}
