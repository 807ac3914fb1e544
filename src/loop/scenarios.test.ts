import { describe, expect, test } from 'vitest';
import { configSchema } from '../config/config.ts';
import { suiteTexts } from '../scenarios/suite.ts';
import { loadSplits, roundScenarios } from './scenarios.ts';

describe('what training may not see', () => {
  test.each([{}, { sealed: { adversarial: 1, benign: 0, grounded: 0, general: 0 } }])(
    'is the whole sealed suite, whichever of it runs: %j',
    (suites) => {
      const config = configSchema.parse({ suites });
      const splits = loadSplits(config);
      const { guarded, sealed, holdout } = roundScenarios(config, splits);
      const texts = new Set(guarded.map(({ text }) => text));
      const all = splits.sealed.flatMap(suiteTexts).map(({ text }) => text);
      expect(all.length).toBeGreaterThan(500);
      expect(all.filter((text) => !texts.has(text))).toEqual([]);
      expect(new Set(sealed.map(({ objective }) => objective)).size).toBeLessThan(all.length / 2);
      expect(holdout.length).toBeGreaterThan(20);
      for (const { objective } of holdout) expect(texts).toContain(objective);
    },
  );
});
