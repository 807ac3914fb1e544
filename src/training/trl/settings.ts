/** Where and how the `trl` backend runs its jobs. */
import { z } from 'zod';

/** A program and its arguments; no shell reads it. `{job}`, `{id}`, `{python}` and `{processes}` are replaced. */
const command = z.array(z.string().min(1)).min(1);

export const trlSchema = z.strictObject({
  /** Interpreter that has the packages of backends/trl/requirements.txt. */
  python: z.string().min(1).default('python3'),
  /** Hugging Face name or folder that the job loads; null: the target's own weights. */
  model: z.string().min(1).nullable().default(null),
  /** Processes on this machine (`accelerate launch`), each with its share of the batch. */
  processes: z.int().min(1).max(64).default(1),
  /** A configuration of `accelerate config`, for several machines, FSDP or DeepSpeed. */
  accelerate: z.string().min(1).nullable().default(null),
  /** Computation: float32 equals the own engine; bfloat16 is for accelerators. */
  precision: z.enum(['float32', 'bfloat16']).default('float32'),
  /** Trades time for memory. */
  gradientCheckpointing: z.boolean().default(false),
  /** Starts the job; null: here, with `python`. */
  launch: command.nullable().default(null),
  /** `launch` returns at once, as sbatch and kubectl do: the job has ended when its folder says so. */
  detached: z.boolean().default(false),
  /** Brings the job to where it runs, before `launch`. */
  upload: command.nullable().default(null),
  /** Brings the job's folder back, again and again while it runs. */
  fetch: command.nullable().default(null),
  /** Seconds between two looks at the job. */
  poll: z.number().positive().default(2),
  /** Seconds without a step or a sign of life before a detached job is given up; null waits for ever. */
  patience: z.number().positive().nullable().default(3600),
});

export type TrlSettings = z.infer<typeof trlSchema>;
