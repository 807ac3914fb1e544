/** Strategies that try one message after another, each in a conversation of its own. */
import { z } from 'zod';
import type { Rng } from '../../core/rng.ts';
import { LIBRARY } from '../attacks/library.ts';
import { EMPTY, type Line, strategy, wasRefused } from './strategy.ts';
import { fill, TEXTS } from './texts.ts';

const count = (standard: number, most: number) => z.int().min(1).max(most).default(standard);

/** Hughes et al. 2024, sec. 2 and app. A: sigma 0.4; scrambling sqrt(sigma), capitals sqrt(sigma), noise sigma^3. */
const SIGMA = 0.4;

function perturbed(text: string, random: Rng): string {
  const scrambled = text.replace(/[a-z]{4,}/gi, (word) =>
    random.next() < Math.sqrt(SIGMA)
      ? word[0] + random.shuffle(Array.from(word.slice(1, -1))).join('') + word.at(-1)
      : word,
  );
  return Array.from(scrambled, (character) => {
    if (!/[a-z]/i.test(character)) return character;
    const cased =
      random.next() < Math.sqrt(SIGMA)
        ? character === character.toLowerCase()
          ? character.toUpperCase()
          : character.toLowerCase()
        : character;
    const code = cased.charCodeAt(0) + (random.next() < 0.5 ? -1 : 1);
    return random.next() < SIGMA ** 3 && code > 32 && code < 127 ? String.fromCharCode(code) : cased;
  }).join('');
}

export const bestOfN = strategy({
  id: 'best-of-n',
  family: 'best-of-n',
  description: 'The request with scrambled letters, capitals and noise, again and again.',
  source: 'Hughes et al. 2024 (Best-of-N Jailbreaking, arXiv 2412.03556)',
  published: 'n to 10,000; sigma 0.4',
  options: z.strictObject({ n: count(8, 10_000) }),
  queries: ({ n }) => n,
  turns: () => 1,
  async run({ ask, random, scenario }, { n }) {
    for (let i = 0; i < n; i++) await ask(EMPTY, perturbed(scenario.objective, random), scenario.objective);
  },
});

const STYLES = Object.keys(TEXTS.pair.styles);

interface Tried {
  readonly prompt: string;
  readonly line: Line;
}

export const pair = strategy({
  id: 'pair',
  family: 'refinement',
  description: 'Streams of prompts in different styles, each improved by what came back.',
  source: 'Chao et al. 2023 (PAIR, arXiv 2310.08419); defaults of its code',
  published: '3 streams of 3 iterations (code), 30 of 3 (paper); the last 4 exchanges kept',
  options: z.strictObject({ streams: count(3, 100), iterations: count(3, 20), keep: count(4, 20) }),
  queries: ({ streams, iterations }) => streams * iterations,
  turns: () => 1,
  async run({ ask, propose, scenario }, { streams, iterations, keep }) {
    const tried = Array.from({ length: streams }, (): Tried[] => []);
    for (let step = 0; step < iterations; step++)
      for (const [stream, before] of tried.entries()) {
        const last = before.at(-1);
        const prompt = await propose({
          step,
          retry: Math.floor(stream / STYLES.length),
          line: last?.line ?? EMPTY,
          style: STYLES[stream % STYLES.length]!,
          ...(last ? { parent: last.prompt } : {}),
          tried: before.slice(-keep),
        });
        before.push({ prompt, line: await ask(EMPTY, prompt, scenario.objective) });
      }
  },
});

export const tap = strategy({
  id: 'tap',
  family: 'refinement',
  description: 'A tree of prompts: branch, prune what is off topic, ask, keep the best.',
  source: 'Mehrotra et al. 2023 (TAP, arXiv 2312.02119); defaults of PyRIT',
  published: 'width 10, depth 10, branching 4 (paper); width 3, depth 5, branching 2 (PyRIT)',
  options: z.strictObject({ width: count(3, 50), depth: count(5, 20), branching: count(2, 10) }),
  queries: ({ width, depth }) => width * depth,
  turns: () => 1,
  async run({ ask, propose, onTopic, random, scenario }, { width, depth, branching }) {
    let leaves: readonly Tried[][] = [[]];
    for (let step = 0; step < depth; step++) {
      const children: { prompt: string; before: Tried[] }[] = [];
      for (const [leaf, before] of leaves.entries())
        for (let branch = 0; branch < branching; branch++) {
          const last = before.at(-1);
          const prompt = await propose({
            step,
            retry: leaf * branching + branch,
            line: last?.line ?? EMPTY,
            ...(last ? { parent: last.prompt } : {}),
            tried: before.slice(-3),
          });
          if (await onTopic(prompt)) children.push({ prompt, before });
        }
      if (children.length === 0) return;
      const asked: Tried[][] = [];
      for (const { prompt, before } of random.shuffle(children).slice(0, width))
        asked.push([...before, { prompt, line: await ask(EMPTY, prompt, scenario.objective) }]);
      leaves = asked.sort((a, b) => worth(b) - worth(a)).slice(0, width);
    }
  },
});

/** By the last answer: severity first, then an answer before a refusal. */
function worth(leaf: readonly Tried[]): number {
  const { line } = leaf.at(-1)!;
  return (line.severity ?? 0) + (wasRefused(line) ? 0 : 0.5);
}

export const rewindAndRetry = strategy({
  id: 'rewind-and-retry',
  family: 'rewind',
  description: 'A message that was not followed is taken back, and the request worded anew.',
  source: 'own, after backtracking of Crescendo and regeneration in chat programs',
  published: 'none',
  options: z.strictObject({ tries: count(5, 50) }),
  queries: ({ tries }) => tries,
  turns: () => 1,
  async run({ ask, propose, backtrack, scenario }, { tries }) {
    const tried: Tried[] = [];
    for (let step = 0; step < tries; step++) {
      const prompt = await propose({ step, retry: step, line: tried.at(-1)?.line ?? EMPTY, tried });
      const line = await ask(EMPTY, prompt, scenario.objective);
      if (wasRefused(line)) backtrack();
      tried.push({ prompt, line });
    }
  },
});

export const manyShot = strategy({
  id: 'many-shot',
  family: 'many-shot',
  description:
    'Made-up exchanges in which the assistant goes along, then the request; more of them each time.',
  source: 'Anil et al. 2024 (Many-shot Jailbreaking)',
  published: '4 to 256 exchanges',
  options: z.strictObject({ most: count(64, 1024) }),
  queries: ({ most }) => shotCounts(most).length,
  turns: () => 1,
  async run({ ask, random, scenario }, { most }) {
    const { head, shots, tail } = TEXTS['many-shot'];
    for (const n of shotCounts(most)) {
      const rounds = Array.from({ length: Math.ceil(n / shots.length) }, () => random.shuffle(shots));
      const log = rounds
        .flat()
        .slice(0, n)
        .map(([question, answer]) => `User: ${question}\nAssistant: ${answer}`);
      const request = [head, ...log, fill(tail, { request: scenario.objective })].join('\n\n');
      await ask(EMPTY, request, scenario.objective);
    }
  },
});

/** 4, 16, 64, ... up to `most`. */
const shotCounts = (most: number): number[] => [4, 16, 64, 256, 1024].filter((n) => n <= Math.max(4, most));

export const indirectInjection = strategy({
  id: 'indirect-injection',
  family: 'indirect-injection',
  description: 'A harmless task about a document in which the request stands as an instruction.',
  source: 'Greshake et al. 2023 (arXiv 2302.12173); Azure AI XPIA',
  published: 'one document',
  options: z.strictObject({}),
  queries: () => TEXTS['indirect-injection'].documents.length,
  turns: () => 1,
  async run({ ask, random, scenario }) {
    for (const document of random.shuffle(TEXTS['indirect-injection'].documents))
      await ask(EMPTY, fill(document, { request: scenario.objective }), scenario.objective);
  },
});

const PERSUASIONS = Object.values(LIBRARY).filter((attack) => attack.family === 'persuasion');

export const persuasion = strategy({
  id: 'persuasion',
  family: 'persuasion',
  description: 'Ten techniques of persuasion, one after the other, in a random order.',
  source: 'Zeng et al. 2024 (PAP, arXiv 2401.06373)',
  published: '40 techniques, 1 to 3 trials each',
  options: z.strictObject({ techniques: count(PERSUASIONS.length, PERSUASIONS.length) }),
  queries: ({ techniques }) => techniques,
  turns: () => 1,
  async run({ ask, random, scenario }, { techniques }) {
    for (const attack of random.shuffle(PERSUASIONS).slice(0, techniques))
      await ask(EMPTY, attack.apply(scenario.objective, random), scenario.objective);
  },
});
