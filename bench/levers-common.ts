/** What the levers share: processor time, and the adapter and recipes that they train with. */
import { type Adapter, freshAdapter } from '../src/engine/adapter.ts';
import type { LoadedModel } from '../src/engine/model.ts';
import { dpoSchema, loraSchema, sftSchema } from '../src/training/recipe.ts';

/** Makes ready, and gives the work that is measured. */
export type Way = (model: LoadedModel) => Promise<() => Promise<unknown>>;

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Processor and clock, seconds. */
export async function timed(work: () => Promise<unknown>): Promise<[number, number]> {
  const [since, start] = [process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(since);
  return [(user + system) / 1e6, (performance.now() - start) / 1000];
}

export const adapterOf = (model: LoadedModel): Adapter =>
  freshAdapter(model.config, { ...loraSchema.parse({}), seed: 1 });
export const SFT = sftSchema.parse({ batch: 8, learningRate: 1e-4 });
export const DPO = dpoSchema.parse({ batch: 8, nll: 0 });

/** The options of a session of one operation. */
export const SESSION = {
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
} as const;
