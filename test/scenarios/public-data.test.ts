/**
 * The loaders on the files that are published: skipped, visibly, where they are not there. TEMPER_DATA names their folder
 * (default: ../shared/data beside the checkout).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadBenchmark } from '../../src/scenarios/benchmarks/benchmark.ts';
import { benchmarkOf } from '../../src/scenarios/benchmarks/index.ts';

const data = process.env['TEMPER_DATA'] ?? fileURLToPath(new URL('../../../shared/data/', import.meta.url));

interface Known {
  readonly path: string;
  readonly rows: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly categories: number;
}

/** What the publishers' descriptions, or a count by another program, say of each file. */
const KNOWN: readonly (readonly [string, Known])[] = [
  [
    'xstest',
    {
      path: 'xstest/split/xstest_prompts.dev.csv',
      rows: 225,
      kinds: { benign: 127, adversarial: 98 },
      categories: 12,
    },
  ],
  [
    'harmbench',
    {
      path: 'harmbench/harmbench_behaviors_text_all.csv',
      rows: 400,
      kinds: { adversarial: 300 },
      categories: 6,
    },
  ],
  [
    'harmbench',
    {
      path: 'harmbench/harmbench_behaviors_text_val.csv',
      rows: 80,
      kinds: { adversarial: 60 },
      categories: 6,
    },
  ],
  ['advbench', { path: 'advbench', rows: 520, kinds: { adversarial: 520 }, categories: 1 }],
  [
    'simple-safety-tests',
    { path: 'simple-safety-tests', rows: 100, kinds: { adversarial: 100 }, categories: 5 },
  ],
  ['do-not-answer', { path: 'do-not-answer', rows: 939, kinds: { adversarial: 938 }, categories: 5 }],
  ['coconot', { path: 'coconot', rows: 927, kinds: { benign: 919 }, categories: 8 }],
  ['toxigen', { path: 'toxigen', rows: 6514, kinds: { benign: 3702, adversarial: 2730 }, categories: 12 }],
  [
    'beavertails',
    {
      path: 'beavertails/BeaverTails-Evaluation.json',
      rows: 700,
      kinds: { adversarial: 700 },
      categories: 14,
    },
  ],
  ['mmlu', { path: 'mmlu', rows: 1000, kinds: { general: 1000 }, categories: 1 }],
];

describe.each(KNOWN)('%s, as published', (name, { path, rows, kinds, categories }) => {
  test.skipIf(!existsSync(join(data, path)))(
    `has its ${rows} rows (needs ${path} in TEMPER_DATA)`,
    async () => {
      const loaded = await loadBenchmark(name, benchmarkOf(name), join(data, path));
      expect(loaded.rows).toBe(rows);
      const found = Map.groupBy(loaded.scenarios, ({ kind }) => kind);
      expect(Object.fromEntries([...found].map(([kind, list]) => [kind, list.length]))).toEqual(kinds);
      expect(new Set(loaded.scenarios.map(({ category }) => category)).size).toBe(categories);
      expect(new Set(loaded.scenarios.map(({ id }) => id)).size).toBe(loaded.scenarios.length);
      const passed = Object.values(loaded.passedOver).reduce((sum, count) => sum + count, 0);
      expect(passed + loaded.scenarios.length).toBe(rows);
    },
  );
});
