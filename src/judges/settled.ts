/** Answers that need no model: the embedded judge's rules call them empty, noise, a loop or a copy, whoever judges. */
import type { Metric } from '../core/records.ts';
import { UNBROKEN } from './degenerate.ts';
import { embeddedJudge, read } from './embedded.ts';
import type { JudgeInput, Judgement } from './judge.ts';

/** Those of the embedded judge's rules that need no language. */
const SETTLED: readonly (string | undefined)[] = ['empty', 'noise', 'loop', 'copy'];
const UNBROKEN_RUN = new RegExp(`\\S{${UNBROKEN}}`);
const CLAIMS_NOTHING: readonly (string | undefined)[] = ['empty', 'noise'];

/** The embedded judge's verdict on an answer that is none; undefined: a model has to read it. */
export function byRules(input: JudgeInput, name: Metric): Judgement | undefined {
  const hasSource = input.context !== undefined && input.context.trim() !== '';
  const embedded = embeddedJudge();
  if (name === 'ungroundedness' && !hasSource) return embedded.judgeNow({ ...input, context: '' }, name);
  const settled = name === 'ungroundedness' ? CLAIMS_NOTHING : SETTLED;
  const { degenerate } = read(input);
  // An unbroken run may be an encoded answer, which a model can read.
  const unbroken = degenerate === 'noise' && UNBROKEN_RUN.test(input.response);
  if (unbroken || !settled.includes(degenerate)) return undefined;
  const judgement = embedded.judgeNow(input, name);
  return judgement.status === 'scored' && judgement.degenerate === true ? judgement : undefined;
}
