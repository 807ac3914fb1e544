/** Texts that must not be learnt: of the sealed suites, and of the public benchmarks that the configuration measures. */
import type { Config } from '../config/config.ts';
import type { Emit } from '../core/events.ts';
import { contentHash } from '../core/ids.ts';
import type { GuardedText } from '../curation/firewall.ts';
import { loadBenchmark } from '../scenarios/benchmarks/benchmark.ts';
import { benchmarkOf } from '../scenarios/benchmarks/index.ts';
import { loadSplits, roundScenarios } from './scenarios.ts';

export interface GuardedBenchmarks {
  readonly texts: readonly GuardedText[];
  /** Of their content; null: there are none. */
  readonly hash: string | null;
}

type Benchmarks = Config['suites']['benchmarks'];

/** The prompts of public benchmarks whose files are here. Errors: `config`, `data`. */
export async function guardedBenchmarks(benchmarks: Benchmarks, emit: Emit): Promise<GuardedBenchmarks> {
  const texts: GuardedText[] = [];
  const hashes: string[] = [];
  for (const [name, { path }] of Object.entries(benchmarks ?? {})) {
    const benchmark = benchmarkOf(name);
    if (path === 'hub') {
      const message = `${benchmark.title} comes from the hub, so its prompts are not kept out of training: name its file to guard it`;
      emit({ type: 'note', level: 'warning', message });
      continue;
    }
    const { scenarios, hash } = await loadBenchmark(name, benchmark, path);
    hashes.push(`${name} ${hash}`);
    for (const { key, objective } of scenarios)
      texts.push({ key, text: objective, of: `the benchmark ${benchmark.title}` });
  }
  return { texts, hash: hashes.length === 0 ? null : contentHash(hashes.sort()) };
}

/** All of them. Errors: `config`, `data`. */
export async function guardedTexts(
  config: Config,
  benchmarks: Benchmarks,
  { emit }: { emit: Emit },
): Promise<GuardedText[]> {
  const { guarded } = roundScenarios(config, loadSplits(config));
  return [...guarded, ...(await guardedBenchmarks(benchmarks, emit)).texts];
}
