/** Public benchmarks by name. A new one is an entry here. */
import { TemperError } from '../../core/errors.ts';
import type { Benchmark } from './benchmark.ts';
import { IFEVAL, MMLU, TRUTHFULQA } from './checked.ts';
import {
  ADVBENCH,
  AILUMINATE,
  BEAVERTAILS_BENCHMARK,
  COCONOT,
  DO_NOT_ANSWER,
  HARMBENCH,
  JAILBREAKBENCH,
  OR_BENCH,
  SIMPLE_SAFETY_TESTS,
  STRONGREJECT,
  TOXIGEN,
  XSTEST,
} from './harm.ts';

export const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  xstest: XSTEST,
  jailbreakbench: JAILBREAKBENCH,
  harmbench: HARMBENCH,
  strongreject: STRONGREJECT,
  advbench: ADVBENCH,
  'simple-safety-tests': SIMPLE_SAFETY_TESTS,
  'do-not-answer': DO_NOT_ANSWER,
  ailuminate: AILUMINATE,
  'or-bench': OR_BENCH,
  coconot: COCONOT,
  toxigen: TOXIGEN,
  beavertails: BEAVERTAILS_BENCHMARK,
  ifeval: IFEVAL,
  mmlu: MMLU,
  truthfulqa: TRUTHFULQA,
};

/** Errors: `config`. */
export function benchmarkOf(name: string): Benchmark {
  const found = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (found) return found;
  throw new TemperError('config', `unknown benchmark \`${name}\``, {
    hint: `Known: ${Object.keys(BENCHMARKS).join(', ')}.`,
  });
}
