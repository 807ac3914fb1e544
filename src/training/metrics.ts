/** What a training step says about itself, under TRL's names; a log of it; and warnings in words when it goes wrong. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { BatchResult, PairOutcome } from './objective.ts';
import { TensorBoardLog } from './tensorboard.ts';

/** Metrics of one optimiser step. Rewards and log-probabilities are means over the pairs of the step. */
export interface StepMetrics {
  /** Counted from 1. */
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly loss: number;
  readonly learning_rate: number;
  /** Global norm of the gradients before clipping. */
  readonly grad_norm: number;
  /** Tokens through the model so far, padding not counted. */
  readonly num_tokens: number;
  readonly 'tokens/s': number;
  /** Mean entropy of the distributions that predict completion tokens, nats. */
  readonly entropy: number;
  readonly kl?: number;
  readonly 'rewards/chosen'?: number;
  readonly 'rewards/rejected'?: number;
  readonly 'rewards/margins'?: number;
  readonly 'rewards/accuracies'?: number;
  readonly 'logps/chosen'?: number;
  readonly 'logps/rejected'?: number;
}

/** Loss of examples that are not trained on. */
export interface EvaluationMetrics {
  readonly step: number;
  readonly eval_loss: number;
  readonly [name: `eval_${string}`]: number;
}

/** Means over pairs; empty without pairs. */
export function pairMetrics(pairs: readonly PairOutcome[]) {
  if (pairs.length === 0) return {};
  const mean = (of: (pair: PairOutcome) => number): number =>
    pairs.reduce((total, pair) => total + of(pair), 0) / pairs.length;
  return {
    'rewards/chosen': mean((pair) => pair.chosenReward),
    'rewards/rejected': mean((pair) => pair.rejectedReward),
    'rewards/margins': mean((pair) => pair.chosenReward - pair.rejectedReward),
    'rewards/accuracies': mean((pair) => Number(pair.chosenReward > pair.rejectedReward)),
    'logps/chosen': mean((pair) => pair.chosenLogp),
    'logps/rejected': mean((pair) => pair.rejectedLogp),
  };
}

export function evaluationMetrics(step: number, result: BatchResult): EvaluationMetrics {
  const pairs = Object.entries(pairMetrics(result.pairs)).map(([name, value]) => [`eval_${name}`, value]);
  return {
    step,
    eval_loss: result.loss,
    eval_entropy: result.entropy,
    ...(Object.fromEntries(pairs) as Record<`eval_${string}`, number>),
  };
}

/**
 * Metrics as JSON Lines, one line a step, and as a TensorBoard event file in a folder beside it; a continued run goes on in
 * the same files.
 */
export class MetricsLog {
  readonly path: string;
  readonly #events: TensorBoardLog;

  /** `events`: folder of the event file. */
  constructor(path: string, events = path.replace(/(\.metrics)?\.jsonl$/, '.tensorboard')) {
    this.path = path;
    this.#events = new TensorBoardLog(events);
  }

  /** Keeps the rows up to `step`: later ones, from a run that was killed, come again. */
  continueAfter(step: number): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const lines = step > 0 && existsSync(this.path) ? readFileSync(this.path, 'utf8').split('\n') : [];
    const stepOf = (line: string): number => {
      try {
        return (JSON.parse(line) as { step: number }).step;
      } catch {
        return Infinity; // a line cut short by the kill
      }
    };
    const kept = lines.filter((line) => line !== '' && stepOf(line) <= step);
    writeFileSync(this.path, kept.map((line) => `${line}\n`).join(''));
    this.#events.begin(kept.map((line) => JSON.parse(line) as StepMetrics));
  }

  write(row: StepMetrics | EvaluationMetrics): void {
    appendFileSync(this.path, `${JSON.stringify(row)}\n`);
    this.#events.write(row);
  }
}

/** Steps whose mean is compared. */
const WINDOW = 8;
/** Nats; less is noise. */
const FALL = 1;
const SEPARATED_LOSS = 0.05;

/**
 * Watches the steps of a preference training. Each remark comes once.
 * @returns from `see`, remarks in words that this step gives rise to.
 */
export class TrainingWatch {
  readonly #beta: number;
  readonly #rows: StepMetrics[] = [];
  readonly #given = new Set<string>();

  constructor(beta: number) {
    this.#beta = beta;
  }

  see(metrics: StepMetrics): string[] {
    if (metrics['rewards/chosen'] === undefined) return [];
    this.#rows.push(metrics);
    const remarks: string[] = [];
    const once = (name: string, text: string): void => {
      if (!this.#given.has(name)) remarks.push(text);
      this.#given.add(name);
    };
    const mean = (rows: readonly StepMetrics[], name: keyof StepMetrics): number =>
      rows.reduce((total, row) => total + (row[name] as number), 0) / rows.length;
    const recent = this.#rows.slice(-WINDOW);
    if (recent.length === WINDOW && this.#rows.length >= 2 * WINDOW) {
      const first = this.#rows.slice(0, WINDOW);
      // Rewards, since log-probabilities alone differ with the lengths of the answers in a batch.
      const fall = (mean(first, 'rewards/chosen') - mean(recent, 'rewards/chosen')) / this.#beta;
      const gain = mean(recent, 'rewards/margins') - mean(first, 'rewards/margins');
      if (fall > FALL && gain > 0)
        once(
          'displacement',
          `the chosen answers become less likely (${fall.toFixed(1)} nats since the first steps) while the margin over the rejected ones grows: usual in DPO while it is small; should the answers suffer, raise nll or lower the learning rate`,
        );
    }
    if (
      recent.length === WINDOW &&
      recent.every((row) => row['rewards/accuracies'] === 1 && row.loss < SEPARATED_LOSS)
    )
      once(
        'separated',
        `every pair of the last ${WINDOW} steps is already separated (loss below ${SEPARATED_LOSS}): more steps teach little, so fewer epochs or harder pairs would do`,
      );
    return remarks;
  }
}
