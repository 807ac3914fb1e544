/** Strategies for a target whose weights are here: they do more than send messages. */
import { z } from 'zod';
import { EMPTY, strategy } from './strategy.ts';
import { fill, TEXTS } from './texts.ts';

const count = (standard: number, most: number) => z.int().min(1).max(most).default(standard);

export const prefill = strategy({
  id: 'prefill',
  family: 'prefill',
  description: 'The answer is begun in the target’s name, and it goes on.',
  source: 'Andriushchenko et al. 2024 (arXiv 2404.02151), sec. 3; Qi et al. 2024 (arXiv 2406.05946)',
  published: 'one beginning; harmful beginnings of 5 to 40 tokens',
  needs: 'prefill',
  options: z.strictObject({ tries: count(TEXTS.prefill.length, TEXTS.prefill.length) }),
  queries: ({ tries }) => tries,
  turns: () => 1,
  async run({ ask, random, scenario }, { tries }) {
    for (const begun of random.shuffle(TEXTS.prefill).slice(0, tries))
      await ask(EMPTY, scenario.objective, scenario.objective, begun);
  },
});

/** Zou et al. begin with as many exclamation marks. */
const START = ' !';

export const gcg = strategy({
  id: 'gcg',
  family: 'gradient-suffix',
  description: 'A suffix found by gradients, towards an answer that begins by going along.',
  source: 'Zou et al. 2023 (GCG, arXiv 2307.15043), algorithm 1',
  published: 'suffix of 20 tokens, 500 steps, 512 candidates of the top 256',
  needs: 'gradients',
  options: z.strictObject({
    length: count(16, 64),
    steps: count(20, 500),
    candidates: count(48, 512),
    top: count(128, 1024),
    checks: count(4, 50),
  }),
  queries: ({ checks }) => checks,
  turns: () => 1,
  async run({ ask, suffixes, random, scenario }, { length, steps, candidates, top, checks }) {
    const { objective } = scenario;
    const wanted = random.pick(TEXTS.gcg);
    // `checks` of the steps, evenly, the last among them: what was found by then is asked in any case.
    const asked = (step: number): number => Math.floor((step * Math.min(checks, steps)) / steps);
    let step = 0;
    let last = '';
    for await (const suffix of suffixes(objective + START.repeat(length), wanted, {
      steps,
      candidates,
      top,
    })) {
      // What did not change since it was asked is not asked again.
      if (asked(++step) === asked(step - 1) || suffix === last) continue;
      last = suffix;
      await ask(EMPTY, fill('{request}{suffix}', { request: objective, suffix }), objective);
    }
    // A strategy that never asked has nothing to show.
    if (last === '') await ask(EMPTY, objective + START.repeat(length), objective);
  },
});
