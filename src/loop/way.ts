/** How an adapter of a run came about: the trainings that its stages tell of, and which of them made it. */
import type { Checkpoint } from './trainer.ts';
import { trainingStage } from './training.ts';

/** What one recipe and its DPO left. */
export interface Made {
  readonly sft: readonly Checkpoint[];
  readonly dpo: readonly Checkpoint[];
}

/** By SFT alone, by DPO, or a share of the way between the two or beyond. */
export type Way = 'sft' | 'dpo' | number;

/** The checkpoints of the recipes of a name (null: the configuration's own); none where the run has none. */
export async function madeBy(name: string | null, stage: (name: string) => Promise<unknown>): Promise<Made> {
  const [sft, dpo] = await Promise.all(
    (['sft', 'dpo'] as const).map(async (kind) => (await stage(trainingStage(kind, name))) ?? []),
  );
  return { sft: sft as Checkpoint[], dpo: dpo as Checkpoint[] };
}

/** The way to a candidate; null: another training made it, or none. */
export function wayTo(adapter: string, { sft, dpo }: Made): Way | null {
  if (sft.some(({ id }) => id === adapter)) return 'sft';
  for (const { id } of dpo) {
    if (id === adapter) return 'dpo';
    if (!adapter.startsWith(`${id}-`)) continue;
    const share = Number(adapter.slice(id.length + 1));
    if (Number.isFinite(share)) return share;
  }
  return null;
}
