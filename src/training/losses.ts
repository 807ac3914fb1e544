/**
 * Losses of preference training as graph builders over the log-probabilities of completion tokens, `logp` (M, 1).
 * E pairs of a micro-batch; `weight` (E, 1) is 1 / pairs of the whole batch, so that gradients of micro-batches add up
 * to those of the mean. Formulas from the papers named at each; names and meaning are TRL's where TRL has the loss.
 */
import type { Graph, Value } from '../engine/graph.ts';

export interface LossSettings {
  readonly beta: number;
  /** e: share of the labels taken to be wrong. */
  readonly labelSmoothing: number;
  /** SimPO's target margin. */
  readonly gamma: number;
  /** KTO's weight of chosen and of rejected answers. */
  readonly desirableWeight: number;
  readonly undesirableWeight: number;
}

const DEFAULTS = { labelSmoothing: 0, gamma: 0.5, desirableWeight: 1, undesirableWeight: 1 };

/** What a loss may use; each an (E, 1) value. Inputs exist only where a loss asks for them. */
export interface PreferenceTerms extends LossSettings {
  readonly graph: Graph;
  /** log pi - log ref of the completions: sums over tokens. */
  readonly chosenRatio: Value;
  readonly rejectedRatio: Value;
  /** log pi of the completions: means over tokens. */
  readonly chosenMean: Value;
  readonly rejectedMean: Value;
  /** (E, 1) sums -> means over the tokens of the chosen or rejected completion. */
  perToken(sums: Value, of: 'chosen' | 'rejected'): Value;
  /** KTO's z >= 0: the batch's estimate of KL(policy || reference). */
  readonly kl: Value;
}

export interface LossEntry {
  readonly description: string;
  readonly source: string;
  /** It has no reference policy. */
  readonly referenceFree?: true;
  /** It needs `kl`, which takes two more passes through the model. */
  readonly kl?: true;
  /** It reads `labelSmoothing`. */
  readonly smoothed?: true;
  /** It adds the mean negative log-likelihood of prompt and chosen answer with this weight. */
  readonly sequenceNll?: number;
  /** Loss of each pair, (E, 1). */
  build(terms: PreferenceTerms): Value;
}

/** h = (log pi_w - log ref_w) - (log pi_l - log ref_l) */
const margin = ({ graph, chosenRatio, rejectedRatio }: PreferenceTerms): Value =>
  graph.sub(chosenRatio, rejectedRatio);
/** The same of log-ratios per token. */
const tokenMargin = ({ graph, perToken, chosenRatio, rejectedRatio }: PreferenceTerms): Value =>
  graph.sub(perToken(chosenRatio, 'chosen'), perToken(rejectedRatio, 'rejected'));
const plus = (graph: Graph, x: Value, number: number): Value =>
  graph.add(x, graph.constant([number], [1, 1]));
const square = (graph: Graph, x: Value): Value => graph.mul(x, x);
/** -log sigma(x) */
const logistic = (graph: Graph, x: Value, factor: number): Value => graph.softplus(graph.scale(x, -factor));

export const PREFERENCE_LOSSES = {
  sigmoid: {
    description: '-log sigma(beta h)',
    source: 'Rafailov et al. 2023, Direct Preference Optimization, eq. 7',
    build: (terms) => logistic(terms.graph, margin(terms), terms.beta),
  },
  conservative: {
    description: '-(1 - e) log sigma(beta h) - e log sigma(-beta h): cDPO',
    source: 'Mitchell 2023, A note on DPO with noisy preferences',
    smoothed: true,
    build(terms) {
      const { graph, beta, labelSmoothing: e } = terms;
      const h = margin(terms);
      return graph.add(
        graph.scale(logistic(graph, h, beta), 1 - e),
        graph.scale(logistic(graph, h, -beta), e),
      );
    },
  },
  robust: {
    description: '(-(1 - e) log sigma(beta h) + e log sigma(-beta h)) / (1 - 2 e): rDPO',
    source: 'Chowdhury et al. 2024, Provably Robust DPO',
    smoothed: true,
    build(terms) {
      const { graph, beta, labelSmoothing: e } = terms;
      const h = margin(terms);
      return graph.sub(
        graph.scale(logistic(graph, h, beta), (1 - e) / (1 - 2 * e)),
        graph.scale(logistic(graph, h, -beta), e / (1 - 2 * e)),
      );
    },
  },
  hinge: {
    description: 'max(0, 1 - beta h)',
    source: 'Zhao et al. 2023, SLiC-HF',
    build(terms) {
      const { graph, beta } = terms;
      return graph.relu(plus(graph, graph.scale(margin(terms), -beta), 1));
    },
  },
  ipo: {
    description: '(h - 1 / (2 beta))^2 with log-ratios per token',
    source: 'Azar et al. 2023, eq. 17; per token as TRL has it',
    build: (terms) => square(terms.graph, plus(terms.graph, tokenMargin(terms), -1 / (2 * terms.beta))),
  },
  sigmoid_norm: {
    description: '-log sigma(beta h) with log-ratios per token',
    source: 'Lambert et al. 2024, Tulu 3, length-normalised DPO',
    build: (terms) => logistic(terms.graph, tokenMargin(terms), terms.beta),
  },
  exo_pair: {
    description: 'KL from sigma(+-beta h) to (1 - e, e)',
    source: 'Ji et al. 2024, Efficient Exact Optimization, eq. 16',
    smoothed: true,
    build(terms) {
      const { graph, beta, labelSmoothing: e } = terms;
      const h = graph.scale(margin(terms), beta);
      const side = (x: Value, probability: number): Value =>
        graph.mul(graph.sigmoid(x), plus(graph, graph.neg(logistic(graph, x, 1)), -Math.log(probability)));
      return graph.add(side(h, 1 - e), side(graph.neg(h), e));
    },
  },
  nca_pair: {
    description: '-log sigma(r_w) - (log sigma(-r_w) + log sigma(-r_l)) / 2',
    source: 'Chen et al. 2024, Noise Contrastive Alignment',
    build({ graph, beta, chosenRatio, rejectedRatio }) {
      const down = graph.add(logistic(graph, chosenRatio, -beta), logistic(graph, rejectedRatio, -beta));
      return graph.add(logistic(graph, chosenRatio, beta), graph.scale(down, 0.5));
    },
  },
  bco_pair: {
    description: '-log sigma(r_w) - log sigma(-r_l)',
    source: 'Jung et al. 2024, Binary Classifier Optimization, without its running mean (as TRL)',
    build: ({ graph, beta, chosenRatio, rejectedRatio }) =>
      graph.add(logistic(graph, chosenRatio, beta), logistic(graph, rejectedRatio, -beta)),
  },
  sppo_hard: {
    description: '(log-ratio_w - 1 / (2 beta))^2 + (log-ratio_l + 1 / (2 beta))^2',
    source: 'Wu et al. 2024, Self-Play Preference Optimization, eq. 4.7 with hard labels',
    build: ({ graph, beta, chosenRatio, rejectedRatio }) =>
      graph.add(
        square(graph, plus(graph, chosenRatio, -0.5 / beta)),
        square(graph, plus(graph, rejectedRatio, 0.5 / beta)),
      ),
  },
  apo_zero: {
    description: '1 - sigma(r_w) + sigma(r_l): where chosen answers beat those of the model',
    source: "D'Oosterlinck et al. 2024, Anchored Preference Optimization, eq. 7",
    build: ({ graph, beta, chosenRatio, rejectedRatio }) =>
      graph.add(
        graph.sigmoid(graph.scale(chosenRatio, -beta)),
        graph.sigmoid(graph.scale(rejectedRatio, beta)),
      ),
  },
  apo_down: {
    description: 'sigma(r_w) + 1 - sigma(beta h): where answers of the model beat the chosen ones',
    source: "D'Oosterlinck et al. 2024, Anchored Preference Optimization, eq. 8",
    build: (terms) =>
      terms.graph.add(
        terms.graph.sigmoid(terms.graph.scale(terms.chosenRatio, terms.beta)),
        terms.graph.sigmoid(terms.graph.scale(margin(terms), -terms.beta)),
      ),
  },
  kto: {
    description:
      'mean of w_D (1 - sigma(r_w - beta z)) and w_U (1 - sigma(beta z - r_l)), z the KL of the batch',
    source: 'Ethayarajh et al. 2024, Kahneman-Tversky Optimization, eq. 7',
    kl: true,
    build({ graph, beta, chosenRatio, rejectedRatio, kl, desirableWeight, undesirableWeight }) {
      const side = (ratio: Value, sign: 1 | -1, weight: number): Value =>
        graph.scale(graph.sigmoid(graph.scale(graph.sub(ratio, kl), -sign * beta)), weight / 2);
      return graph.add(side(chosenRatio, 1, desirableWeight), side(rejectedRatio, -1, undesirableWeight));
    },
  },
  simpo: {
    description: '-log sigma(beta (mean log pi_w - mean log pi_l) - gamma)',
    source: 'Meng et al. 2024, SimPO, eq. 6',
    referenceFree: true,
    build({ graph, beta, gamma, chosenMean, rejectedMean }) {
      const difference = graph.scale(graph.sub(chosenMean, rejectedMean), beta);
      return logistic(graph, plus(graph, difference, -gamma), 1);
    },
  },
  orpo: {
    description: 'NLL of prompt and chosen answer - beta log sigma(log odds_w - log odds_l)',
    source: 'Hong et al. 2024, ORPO, eqs. 6 and 7; NLL over the prompt too, as TRL has it',
    referenceFree: true,
    sequenceNll: 1,
    build({ graph, beta, chosenMean, rejectedMean }) {
      /** log(e^a / (1 - e^a)) */
      const logOdds = (a: Value): Value => graph.sub(a, graph.log(plus(graph, graph.neg(graph.exp(a)), 1)));
      return graph.scale(logistic(graph, graph.sub(logOdds(chosenMean), logOdds(rejectedMean)), 1), beta);
    },
  },
} satisfies Record<string, LossEntry>;

export type PreferenceLoss = keyof typeof PREFERENCE_LOSSES;

/** One loss, or several that are added up. */
export type PreferenceLosses = PreferenceLoss | readonly PreferenceLoss[];

export const lossNames = (loss: PreferenceLosses): readonly PreferenceLoss[] =>
  typeof loss === 'string' ? [loss] : loss;

/** What a recipe asks for as one loss: sum_i w_i loss_i (TRL's `loss_type` and `loss_weights`). */
export function lossEntry(loss: PreferenceLosses, weights?: readonly number[]): LossEntry {
  const entries: LossEntry[] = lossNames(loss).map((name) => PREFERENCE_LOSSES[name]);
  const [only] = entries;
  if (only && entries.length === 1 && !weights) return only;
  const weight = (i: number): number => weights?.[i] ?? 1;
  const sequenceNll = entries.reduce((sum, entry, i) => sum + weight(i) * (entry.sequenceNll ?? 0), 0);
  return {
    description: 'a weighted sum of losses',
    source: 'TRL, DPOConfig.loss_weights; Wang et al. 2024, Mixed Preference Optimization, eq. 1',
    ...(entries.every((entry) => entry.referenceFree) ? { referenceFree: true } : {}),
    ...(entries.some((entry) => entry.kl) ? { kl: true } : {}),
    ...(entries.some((entry) => entry.smoothed) ? { smoothed: true } : {}),
    ...(sequenceNll > 0 ? { sequenceNll } : {}),
    build: (terms) =>
      entries
        .map((entry, i) => terms.graph.scale(entry.build(terms), weight(i)))
        .reduce((sum, value) => terms.graph.add(sum, value)),
  };
}

/** SFT: -sum(w logp), with `token_weight` (1, M) = 1 / completion tokens of the whole batch. */
export function sftLoss(graph: Graph, logp: Value): Value {
  const weights = graph.input('token_weight', [1, 'M']);
  return graph.neg(graph.sumAll(graph.matmul(weights, logp)));
}

/** The terms of a micro-batch; an input is declared when it is first read. */
function preferenceTerms(graph: Graph, logp: Value, settings: LossSettings): PreferenceTerms {
  const made = new Map<string, Value>();
  const once = (name: string, make: () => Value): Value => {
    const value = made.get(name) ?? make();
    made.set(name, value);
    return value;
  };
  const column = (name: string): Value => once(name, () => graph.input(name, ['E', 1]));
  const sums = (of: string): Value =>
    once(`${of}_sums`, () => graph.matmul(graph.input(`${of}_tokens`, ['E', 'M']), logp));
  const ratio = (of: string): Value =>
    once(`${of}_ratio`, () => graph.sub(sums(of), column(`reference_${of}`)));
  const perToken = (value: Value, of: string): Value => graph.mul(value, column(`${of}_inverse_length`));
  return {
    ...settings,
    graph,
    perToken,
    get chosenRatio() {
      return ratio('chosen');
    },
    get rejectedRatio() {
      return ratio('rejected');
    },
    get chosenMean() {
      return once('chosen_mean', () => perToken(sums('chosen'), 'chosen'));
    },
    get rejectedMean() {
      return once('rejected_mean', () => perToken(sums('rejected'), 'rejected'));
    },
    get kl() {
      return column('kl');
    },
  };
}

/**
 * Loss over pairs. Inputs, as far as the loss reads them: `chosen_tokens`, `rejected_tokens` (E, M) ones where a token
 * belongs to that completion; `reference_chosen`, `reference_rejected` (E, 1) log-probabilities under the reference;
 * `chosen_inverse_length`, `rejected_inverse_length` (E, 1); `kl` (E, 1); `weight` (E, 1). With `nll` > 0, or where the loss
 * has a likelihood of its own, `token_weight` (1, M) too: loss = mean pair loss + nll * mean negative log-likelihood of
 * the weighted tokens (RPO, TRL's `["sigmoid", "sft"]`).
 */
export function preferenceLoss(
  options: {
    loss: PreferenceLosses;
    lossWeights?: readonly number[] | undefined;
    nll: number;
    beta: number;
  } & Partial<LossSettings>,
) {
  const settings: LossSettings = { ...DEFAULTS, ...options };
  const entry = lossEntry(options.loss, options.lossWeights);
  const nll = entry.sequenceNll ?? options.nll;
  return (graph: Graph, logp: Value): Value => {
    const pairs = entry.build(preferenceTerms(graph, logp, settings));
    const loss = graph.sumAll(graph.mul(pairs, graph.input('weight', ['E', 1])));
    return nll > 0 ? graph.add(loss, graph.scale(sftLoss(graph, logp), nll)) : loss;
  };
}
