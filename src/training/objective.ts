/** The loss of a batch, its gradients and what pairs say about the policy: one session, any number of batches. */
import { type Adapter, isUntouched } from '../engine/adapter.ts';
import { evaluationGraph, trainingGraph } from '../engine/build.ts';
import { adapterFeeds, dropoutFeeds, float32 } from '../engine/feeds.ts';
import type { LoadedModel } from '../engine/model.ts';
import { scoreCompletions } from '../engine/scorer.ts';
import { sequenceFeeds, type TokenSequence } from '../engine/sequences.ts';
import { Session, type Tensor } from '../engine/session.ts';
import { microBatches, type TokenizedExample } from './batches.ts';
import { type LossEntry, lossEntry, preferenceLoss, sftLoss } from './losses.ts';
import { microBatchBudget, requireTrainingMemory } from './memory.ts';
import type { DpoRecipe, Recipe } from './recipe.ts';

/** One pair under the policy. */
export interface PairOutcome {
  /** beta times the log-ratio to the reference; without a reference, beta times the mean log-probability. */
  readonly chosenReward: number;
  readonly rejectedReward: number;
  /** Log-probabilities: sums over the completion; means where the loss has no reference. */
  readonly chosenLogp: number;
  readonly rejectedLogp: number;
}

export interface BatchResult {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly pairs: readonly PairOutcome[];
  /** Mean entropy of the next-token distributions that predict completion tokens, nats. */
  readonly entropy: number;
  /** Tokens through the model, padding not counted. */
  readonly tokens: number;
  /** KTO's estimate of KL(policy || reference). */
  readonly kl?: number;
}

interface References {
  readonly chosen: number;
  readonly rejected: number;
}

export const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};

/** Length of the longer sequence of an example, tokens. */
export const exampleLength = (e: TokenizedExample, paired: boolean): number =>
  e.prompt.length + Math.max(e.chosen.length + e.further.length, paired ? e.rejected.length : 0);

/**
 * The sequences of some examples, chosen before rejected; without a preference loss the chosen alone. Of a chosen answer its
 * tokens are scored, or the whole sequence where the loss asks for that.
 */
function sequencesOf(members: readonly TokenizedExample[], entry: LossEntry | null): TokenSequence[] {
  const chosen = members.map(({ prompt, chosen: compared, further }) => {
    const completion = [...compared, ...further];
    return entry?.sequenceNll
      ? { prompt: prompt.slice(0, 1), completion: [...prompt.slice(1), ...completion] }
      : { prompt, completion };
  });
  if (!entry) return chosen;
  return [...chosen, ...members.map(({ prompt, rejected }) => ({ prompt, completion: rejected }))];
}

export class Objective implements AsyncDisposable {
  readonly #model: LoadedModel;
  readonly #session: Session;
  readonly #recipe: Recipe;
  readonly #entry: LossEntry | null;
  readonly #examples: readonly TokenizedExample[];
  readonly #lengths: readonly number[];
  readonly #dropout: number;
  readonly #references: readonly References[];
  /** The reference policy; undefined is the model itself. */
  readonly #reference: Adapter | undefined;

  private constructor(model: LoadedModel, session: Session, recipe: Recipe, data: ObjectiveData) {
    this.#model = model;
    this.#session = session;
    this.#recipe = recipe;
    this.#entry = recipe.kind === 'dpo' ? lossEntry(recipe.loss, recipe.lossWeights) : null;
    this.#examples = data.examples;
    this.#lengths = data.examples.map((example) => exampleLength(example, recipe.kind === 'dpo'));
    this.#dropout = data.dropout;
    this.#references = data.references;
    this.#reference = data.reference;
  }

  /**
   * `start` is the adapter that training starts from: the reference, if the recipe says so. `batches`: those that will run;
   * by default all examples as one.
   */
  static async create(
    model: LoadedModel,
    start: Adapter,
    examples: readonly TokenizedExample[],
    recipe: Recipe,
    options: { readonly gradients: boolean; readonly batches?: readonly (readonly number[])[] },
  ): Promise<Objective> {
    const dpo = recipe.kind === 'dpo' ? recipe : null;
    const entry = dpo && lossEntry(dpo.loss, dpo.lossWeights);
    const lossOf = dpo ? preferenceLoss(dpo) : sftLoss;
    const scale = start.alpha / start.rank;
    const dropout = options.gradients ? recipe.dropout : 0;
    const graph = options.gradients
      ? trainingGraph(model.config, start.shape, scale, lossOf, dropout)
      : evaluationGraph(model.config, start.shape, scale, lossOf);
    // Before the reference is scored, which takes time.
    requireTrainingMemory(model, start, {
      graph,
      recipe,
      examples,
      batches: options.batches ?? [[...examples.keys()]],
      lengthOf: (example) => exampleLength(example, dpo !== null),
      sequencesOf: (members) => sequencesOf(members, entry),
    });
    const reference = dpo?.reference === 'start' && !isUntouched(start) ? start : undefined;
    const references = entry && !entry.referenceFree ? await referenceLogps(model, reference, examples) : [];
    const { provider } = model;
    const session = await Session.create(graph, model.weights, { placement: 'fed', provider });
    return new Objective(model, session, recipe, { examples, references, reference, dropout });
  }

  /** The mean loss over `batch`, indices of examples. `key` decides the dropout. */
  async run(
    adapter: Adapter,
    batch: readonly number[],
    key: readonly (string | number)[],
  ): Promise<BatchResult> {
    const recipe = this.#recipe;
    const totals = {
      pairs: batch.length,
      nllWeight: sum(batch.map((i) => sum(this.#nllWeights(this.#examples[i] as TokenizedExample)))),
    };
    const kl = this.#entry?.kl ? await this.#kl(adapter, batch) : undefined;
    const outputs = Object.fromEntries(this.#session.outputNames.map((name) => [name, null]));
    const gradients = new Map<string, Float32Array>();
    const pairs: PairOutcome[] = [];
    let [loss, tokens, entropy, predicted] = [0, 0, 0, 0];
    const budget = microBatchBudget(recipe);
    for (const [part, indices] of microBatches(batch, this.#lengths, budget).entries()) {
      const members = indices.map((i) => this.#examples[i] as TokenizedExample);
      const references = indices.map((i) => this.#references[i] ?? { chosen: 0, rejected: 0 });
      const { sequences, feeds } = this.#feeds(members, references, totals, kl);
      const shared = sequenceFeeds(this.#model, sequences, recipe.kind === 'dpo' ? members.length : 1);
      const results = await this.#session.run(
        {
          ...shared,
          ...feeds,
          ...adapterFeeds(adapter),
          ...(this.#dropout > 0
            ? dropoutFeeds(this.#model.config, adapter.shape, shared['ids'] as Tensor, [...key, part])
            : {}),
        },
        outputs,
      );
      loss += (results['loss']!.data as Float32Array)[0] as number;
      tokens += sum(sequences.map((s) => s.prompt.length + s.completion.length));
      const logp = results['logp']!.data as Float32Array;
      entropy += sum(results['entropy']!.data as Float32Array);
      predicted += logp.length;
      if (recipe.kind === 'dpo') pairs.push(...this.#outcomes(recipe, members, logp, references));
      accumulate(gradients, adapter, results);
    }
    return {
      loss,
      gradients,
      pairs,
      entropy: entropy / predicted,
      tokens,
      ...(kl === undefined ? {} : { kl }),
    };
  }

  #nllTokens({ prompt, chosen, further }: TokenizedExample): number {
    return chosen.length + further.length + (this.#entry?.sequenceNll ? prompt.length - 1 : 0);
  }

  /** The weight of each of these tokens, before they are made to add up to 1 over the batch. */
  #nllWeights(member: TokenizedExample): Float32Array {
    const weights = new Float32Array(this.#nllTokens(member)).fill(1);
    const { opening } = this.#recipe.kind === 'sft' ? this.#recipe : {};
    return opening ? weights.fill(opening.weight, 0, opening.tokens) : weights;
  }

  /** The sequences of a micro-batch, chosen before rejected, and what the loss needs besides them. */
  #feeds(
    members: readonly TokenizedExample[],
    references: readonly References[],
    batch: { pairs: number; nllWeight: number },
    kl: number | undefined,
  ) {
    const { kind } = this.#recipe;
    const sequences = sequencesOf(members, this.#entry);
    const tokens = sum(sequences.map((sequence) => sequence.completion.length));
    const feeds: Record<string, Tensor> = {};
    const weights = new Float32Array(tokens);
    let filled = 0;
    for (const member of members) {
      const own = this.#nllWeights(member).map((weight) => weight / batch.nllWeight);
      weights.set(own, filled);
      filled += own.length;
    }
    feeds['token_weight'] = float32(weights, [1, tokens]);
    if (kind === 'sft') return { sequences, feeds };
    const n = members.length;
    const column = (values: number[]): Tensor => float32(Float32Array.from(values), [n, 1]);
    const marks = { chosen: new Float32Array(n * tokens), rejected: new Float32Array(n * tokens) };
    let at = 0;
    sequences.forEach(({ completion }, i) => {
      const side = i < n ? 'chosen' : 'rejected';
      const row = i % n;
      at += completion.length;
      const { further, [side]: compared } = members[row]!;
      const end = row * tokens + at - (i < n ? further.length : 0);
      marks[side].fill(1, end - compared.length, end);
    });
    feeds['chosen_tokens'] = float32(marks.chosen, [n, tokens]);
    feeds['rejected_tokens'] = float32(marks.rejected, [n, tokens]);
    feeds['reference_chosen'] = column(references.map((reference) => reference.chosen));
    feeds['reference_rejected'] = column(references.map((reference) => reference.rejected));
    feeds['chosen_inverse_length'] = column(members.map(({ chosen }) => 1 / chosen.length));
    feeds['rejected_inverse_length'] = column(members.map(({ rejected }) => 1 / rejected.length));
    feeds['kl'] = column(members.map(() => kl ?? 0));
    feeds['weight'] = column(members.map(() => 1 / batch.pairs));
    return { sequences, feeds };
  }

  #outcomes(
    recipe: DpoRecipe,
    members: readonly TokenizedExample[],
    logp: Float32Array,
    references: readonly References[],
  ): PairOutcome[] {
    let at = 0;
    const logpOf = (scored: number, completion: readonly number[], after = 0): number => {
      at += scored;
      const total = sum(logp.subarray(at - after - completion.length, at - after));
      return this.#entry?.referenceFree ? total / completion.length : total;
    };
    const chosen = members.map((member) =>
      logpOf(this.#nllTokens(member), member.chosen, member.further.length),
    );
    const rejected = members.map((member) => logpOf(member.rejected.length, member.rejected));
    return references.map((reference, i) => ({
      chosenReward: recipe.beta * ((chosen[i] as number) - reference.chosen),
      rejectedReward: recipe.beta * ((rejected[i] as number) - reference.rejected),
      chosenLogp: chosen[i] as number,
      rejectedLogp: rejected[i] as number,
    }));
  }

  /**
   * KTO's z: the mean log-ratio of completions under prompts that they do not belong to, at least 0. Each prompt gets
   * the completion of the one before, over all chosen and then all rejected answers of the batch (TRL's pairing).
   */
  async #kl(adapter: Adapter, batch: readonly number[]): Promise<number> {
    const members = batch.map((i) => this.#examples[i] as TokenizedExample);
    const rows = (['chosen', 'rejected'] as const).flatMap((side) =>
      members.map((member) => ({ prompt: member.prompt, completion: member[side] })),
    );
    const mismatched = rows.map(({ prompt }, i) => {
      const { completion } = rows.at(i - 1) as TokenSequence;
      return { prompt, completion: completion.slice(0, this.#recipe.maxLength - prompt.length) };
    });
    const policy = await scoreCompletions(this.#model, mismatched, { adapter });
    const reference = await scoreCompletions(this.#model, mismatched, withAdapter(this.#reference));
    const ratios = mismatched.map((_, i) => sum(policy[i]!) - sum(reference[i]!));
    return Math.max(0, sum(ratios) / ratios.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

interface ObjectiveData {
  readonly examples: readonly TokenizedExample[];
  readonly references: readonly References[];
  readonly reference: Adapter | undefined;
  readonly dropout: number;
}

const withAdapter = (adapter: Adapter | undefined) => (adapter ? { adapter } : {});

/** Log-probabilities of chosen and rejected under the reference policy, computed once. */
async function referenceLogps(
  model: LoadedModel,
  reference: Adapter | undefined,
  examples: readonly TokenizedExample[],
): Promise<References[]> {
  const sequences = examples.flatMap(({ prompt, chosen, rejected }) => [
    { prompt, completion: chosen },
    { prompt, completion: rejected },
  ]);
  const scores = await scoreCompletions(model, sequences, { ...withAdapter(reference), together: 2 });
  return examples.map((_, i) => ({ chosen: sum(scores[2 * i]!), rejected: sum(scores[2 * i + 1]!) }));
}

function accumulate(
  gradients: Map<string, Float32Array>,
  adapter: Adapter,
  results: Record<string, Tensor>,
): void {
  for (const name of adapter.matrices.keys()) {
    const fresh = results[`gradient:${name}`]?.data as Float32Array | undefined;
    if (!fresh) continue;
    const sums = gradients.get(name);
    if (!sums) gradients.set(name, fresh);
    else for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (fresh[i] as number);
  }
}
