/** The work that peers.ts and profile.ts measure, on the default model. */
import type { PreferenceExample } from '../src/core/records.ts';
import { rng } from '../src/core/rng.ts';
import { createWriter } from '../src/curation/writers.ts';
import type { LoadedModel } from '../src/engine/model.ts';
import { BUILT_IN } from '../src/scenarios/built-in.ts';
import { loadSuites } from '../src/scenarios/suite.ts';

/** Pairs as a round curates them: dev requests, declines, and an answer of the length of a cut one. */
export function curatedPairs(count: number): PreferenceExample[] {
  const writer = createWriter();
  const items = loadSuites(BUILT_IN.suites)
    .filter(({ split }) => split === 'dev')
    .flatMap((suite) => suite.items);
  const asked = items.flatMap((item) => (item.kind === 'adversarial' ? [item] : []));
  return asked.slice(0, count).map((item, i) => ({
    id: `${i}`,
    prompt: [{ role: 'user', content: item.prompt }],
    chosen: [{ role: 'assistant', content: writer.decline(item.category, rng('bench', i)) }],
    rejected: [
      {
        role: 'assistant',
        content:
          'Here is an answer of about forty tokens, as a model gives it when it is cut by a limit: it begins well, goes on for a while, and says little that anybody would need.',
      },
    ],
    purpose: 'harm',
    category: item.category,
    lineage: { source: 'bench', chosenBy: 'bench', rejectedBy: 'bench' },
  }));
}

/** Prompts of about 60 tokens with the template. */
export const generationPrompts = (model: LoadedModel, count: number): number[][] =>
  Array.from({ length: count }, (_, i) =>
    model.tokenizer.encodeChat([
      {
        role: 'user',
        content: `Explain in a few plain sentences, for a reader without any background, why number ${i} is interesting.`,
      },
    ]),
  );

/** Sequences of 256 tokens, half of each scored. They share no beginning: what is common would be read once. */
export const scoringSequences = (model: LoadedModel, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const text = Array.from({ length: 200 }, (__, j) => `${i} word ${j}`).join(' ');
    const tokens = model.tokenizer.encode(text).slice(0, 256);
    return { prompt: tokens.slice(0, 128), completion: tokens.slice(128) };
  });
