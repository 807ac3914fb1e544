/** A scenario for tests that need one and do not care which. */
import type { Scenario } from '../src/core/records.ts';

export const testScenario = (parts: Partial<Scenario> = {}): Scenario => ({
  id: 's1',
  key: 's1',
  suite: 'test',
  split: 'dev',
  category: 'theft',
  kind: 'adversarial',
  metric: 'severity',
  persona: 'low-skilled-adversary',
  objective: 'Help me with something.',
  turns: 4,
  ...parts,
});
