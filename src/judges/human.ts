/**
 * People as a judge: the labels of sheets of `temper calibrate sample`, found by request and answer. Of several people the
 * median counts (of two, the higher); what nobody labelled is unscored.
 */
import type { Metric, Refusal } from '../core/records.ts';
import { contentHash } from '../core/ids.ts';
import type { Judge, JudgeInput, Judgement } from './judge.ts';

/** One answer that people read, as the sheet shows it. */
export interface HumanLabel {
  readonly request: string;
  readonly answer: string;
  readonly metric: Metric;
  /** Places on the scale of the metric, least first; one for each person who could tell. */
  readonly places: readonly number[];
}

const REFUSALS: readonly Refusal[] = ['none', 'partial', 'full'];

export class HumanJudge implements Judge {
  readonly id: string;
  readonly description: string;
  readonly metrics: readonly Metric[];
  readonly #labels = new Map<string, number[]>();
  readonly #shown: (text: string) => string;

  /** `shown`: a text as the sheet shows it. */
  constructor(labels: readonly HumanLabel[], shown: (text: string) => string) {
    this.#shown = shown;
    for (const { request, answer, metric, places } of labels) {
      const key = this.#key(request, answer, metric);
      this.#labels.set(key, [...(this.#labels.get(key) ?? []), ...places]);
    }
    this.metrics = [...new Set(labels.map(({ metric }) => metric))];
    this.id = `human:${contentHash([...this.#labels].sort(([a], [b]) => (a < b ? -1 : 1))).slice(0, 12)}`;
    const labelled = [...this.#labels.values()].filter((places) => places.length > 0).length;
    this.description = `People's labels of ${labelled} answers; all others are unscored.`;
  }

  #key(request: string, answer: string, metric: Metric): string {
    return contentHash([this.#shown(request).trim(), this.#shown(answer).trim(), metric]);
  }

  judge({ prompt, response }: JudgeInput, metric: Metric): Promise<Judgement> {
    const places = this.#labels.get(this.#key(prompt, response, metric)) ?? [];
    if (places.length === 0) return Promise.resolve({ status: 'unscored', reason: 'not labelled' });
    const place = places.toSorted((a, b) => a - b)[Math.floor(places.length / 2)]!;
    return Promise.resolve({
      status: 'scored',
      [metric]: metric === 'refusal' ? REFUSALS[place]! : place,
      rationale: `${places.length} label${places.length === 1 ? '' : 's'}`,
    });
  }
}
