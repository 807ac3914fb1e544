/**
 * Losses of preference training as graph builders over the log-probabilities of completion tokens, `logp` (M, 1).
 * E examples (pairs) of a micro-batch; `weight` (E, 1) is 1 / pairs of the whole batch, so that gradients of
 * micro-batches add up to those of the mean. Formulas from the papers named at each.
 */
import type { Graph, Value } from '../engine/graph.ts';

export interface PreferenceTerms {
  readonly graph: Graph;
  /** Sums of the policy's log-probabilities over the completion, (E, 1). */
  readonly chosen: Value;
  readonly rejected: Value;
  /** The same under the reference policy. */
  readonly referenceChosen: Value;
  readonly referenceRejected: Value;
  readonly beta: number;
}

export interface LossEntry {
  readonly description: string;
  readonly source: string;
  /** Loss of each pair, (E, 1). */
  build(terms: PreferenceTerms): Value;
}

/** h = (log pi_w - log ref_w) - (log pi_l - log ref_l) */
function margin({ graph, chosen, rejected, referenceChosen, referenceRejected }: PreferenceTerms): Value {
  return graph.sub(graph.sub(chosen, referenceChosen), graph.sub(rejected, referenceRejected));
}

export const PREFERENCE_LOSSES = {
  sigmoid: {
    description: '-log sigma(beta h)',
    source: 'Rafailov et al. 2023, Direct Preference Optimization, eq. 7',
    build: (terms) => terms.graph.softplus(terms.graph.scale(margin(terms), -terms.beta)),
  },
  hinge: {
    description: 'max(0, 1 - beta h)',
    source: 'Zhao et al. 2023, SLiC-HF',
    build(terms) {
      const { graph, beta } = terms;
      return graph.relu(graph.add(graph.scale(margin(terms), -beta), graph.constant([1], [1, 1])));
    },
  },
} satisfies Record<string, LossEntry>;

export type PreferenceLoss = keyof typeof PREFERENCE_LOSSES;

/** SFT: -sum(w logp), with `token_weight` (1, M) = 1 / completion tokens of the whole batch. */
export function sftLoss(graph: Graph, logp: Value): Value {
  const weights = graph.input('token_weight', [1, 'M']);
  return graph.neg(graph.sumAll(graph.matmul(weights, logp)));
}

/**
 * DPO family. Inputs: `chosen_tokens`, `rejected_tokens` (E, M) ones where a token belongs to that completion;
 * `reference_chosen`, `reference_rejected`, `weight` (E, 1); with `nll` > 0 also `token_weight` (1, M) over the
 * chosen tokens: loss = mean pair loss + nll * mean negative log-likelihood of the chosen tokens (RPO, TRL's
 * `["sigmoid", "sft"]`).
 */
export function preferenceLoss(options: { loss: PreferenceLoss; beta: number; nll: number }) {
  return (graph: Graph, logp: Value): Value => {
    const sums = (name: string): Value => graph.matmul(graph.input(name, ['E', 'M']), logp);
    const pairs = PREFERENCE_LOSSES[options.loss].build({
      graph,
      chosen: sums('chosen_tokens'),
      rejected: sums('rejected_tokens'),
      referenceChosen: graph.input('reference_chosen', ['E', 1]),
      referenceRejected: graph.input('reference_rejected', ['E', 1]),
      beta: options.beta,
    });
    const loss = graph.sumAll(graph.mul(pairs, graph.input('weight', ['E', 1])));
    return options.nll > 0 ? graph.add(loss, graph.scale(sftLoss(graph, logp), options.nll)) : loss;
  };
}
