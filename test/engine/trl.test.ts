/** Losses, LoRA gradients and loss curves against TRL: numbers from bench/parity/trl.py. */
import { describe, expect, test } from 'vitest';
import { type Adapter, loadAdapter } from '../../src/engine/adapter.ts';
import { tokenize } from '../../src/training/batches.ts';
import { pairMetrics } from '../../src/training/metrics.ts';
import { Objective } from '../../src/training/objective.ts';
import { trainOnnx } from '../../src/training/onnx.ts';
import { type Recipe, recipeSchema } from '../../src/training/recipe.ts';
import {
  tinyGolden,
  tinyLlama,
  tinyPath,
  tokenExample,
  type TokenPair,
  withTokens,
} from '../tiny-fixture.ts';

interface Case {
  name: string;
  recipe: Record<string, unknown>;
  /** Whether B is random; zero otherwise. */
  moved: boolean;
  loss: number;
  metrics: Record<string, number>;
  gradients: Record<string, { norm: number; places: number[]; values: number[] }>;
}
const golden = tinyGolden<{
  maxLength: number;
  pairs: TokenPair[];
  cases: Case[];
  stream: TokenPair[];
  curves: { name: string; recipe: Record<string, unknown>; losses: number[] }[];
}>('trl.json');
const model = withTokens(tinyLlama());

const recipeOf = (recipe: Record<string, unknown>): Recipe =>
  recipeSchema.parse({
    ...recipe,
    maxLength: golden.maxLength,
    ...(recipe['kind'] === 'dpo' ? { reference: 'base' } : {}),
  });

function adapterOf(moved: boolean): Adapter {
  const adapter = loadAdapter(tinyPath('adapter'), model.config);
  if (!moved) for (const [name, data] of adapter.matrices) if (name.endsWith('_B')) data.fill(0);
  return adapter;
}

const relative = (ours: number, theirs: number, scale = Math.abs(theirs)): number =>
  Math.abs(ours - theirs) / Math.max(scale, 1e-12);

test('the golden file holds every case, and some answers are cut', () => {
  expect(golden.cases).toHaveLength(19);
  const cut = golden.pairs.filter((pair) => pair.prompt.length + pair.chosen.length > golden.maxLength);
  expect(cut.length).toBeGreaterThan(0);
});

describe.each(golden.cases)('$name', ({ recipe: settings, moved, loss, metrics, gradients }) => {
  // One pass over the batch, and several that add up.
  test.each([4096, 64])('loss and gradients to 1e-4, passes of %i tokens', async (microBatchTokens) => {
    const recipe = { ...recipeOf(settings), microBatchTokens };
    const { examples } = tokenize(golden.pairs.map(tokenExample), model.tokenizer, recipe);
    const adapter = adapterOf(moved);
    await using objective = await Objective.create(model, adapter, examples, recipe, { gradients: true });
    const result = await objective.run(adapter, [...examples.keys()], []);
    expect(relative(result.loss, loss)).toBeLessThan(1e-4);
    expect(Object.keys(gradients).length).toBe(moved ? 28 : 14);
    for (const [name, { norm, places, values }] of Object.entries(gradients)) {
      const ours = result.gradients.get(name) as Float32Array;
      expect(relative(Math.hypot(...ours), norm), name).toBeLessThan(1e-4);
      const typical = norm / Math.sqrt(ours.length);
      places.forEach((place, i) => {
        const scale = Math.max(Math.abs(values[i]!), typical);
        expect(relative(ours[place]!, values[i]!, scale), `${name} ${place}`).toBeLessThan(1e-4);
      });
    }
    const seen: Record<string, number | undefined> = {
      ...pairMetrics(result.pairs),
      entropy: result.entropy,
      ...(result.kl === undefined ? {} : { kl: result.kl }),
    };
    // Equal rewards differ by rounding alone, and so does which of the two is larger.
    const tied = Math.abs(metrics['rewards/margins'] ?? 1) < 1e-6;
    for (const [name, value] of Object.entries(metrics).filter(
      ([key]) => !(tied && key.endsWith('accuracies')),
    ))
      expect(relative(seen[name]!, value, Math.max(Math.abs(value), 1e-3)), name).toBeLessThan(1e-3);
  });
});

test.each(golden.curves)('$name: 50 steps stay within 1 %', async ({ recipe, losses }) => {
  const steps = losses.map((_, step) => [0, 1, 2, 3].map((i) => (step * 4 + i) % golden.stream.length));
  const ours: number[] = [];
  await trainOnnx(
    model,
    adapterOf(false),
    golden.stream.map(tokenExample),
    { ...recipeOf(recipe), learningRate: 1e-2, schedule: 'cosine', warmup: 0 },
    { plan: steps, onStep: ({ loss }) => ours.push(loss) },
  );
  expect(ours).toHaveLength(50);
  const worst = Math.max(...ours.map((loss, i) => relative(loss, losses[i]!)));
  expect(worst).toBeLessThan(0.01);
});
