/** Strategies whose messages build on each other within one conversation. */
import { z } from 'zod';
import { EMPTY, type Line, strategy, wasRefused } from './strategy.ts';
import { fill, TEXTS } from './texts.ts';

const count = (standard: number, most: number) => z.int().min(1).max(most).default(standard);

/** The steps of the texts; an attacker model may go on beyond them. */
const stepsOf = (id: string): number => TEXTS.steps[id]!.length;

export const crescendo = strategy({
  id: 'crescendo',
  family: 'escalation',
  description:
    'Begins harmlessly and moves on by the model’s own words; a refused message is taken back and worded anew.',
  source: 'Russinovich et al. 2024 (arXiv 2404.01833); PyRIT CrescendoAttack',
  published: '10 turns, 10 backtracks',
  options: z.strictObject({ turns: count(10, 50), backtracks: z.int().min(0).max(50).default(10) }),
  queries: ({ turns, backtracks }) => turns + backtracks,
  turns: ({ turns }) => turns,
  async run({ ask, propose, backtrack }, { turns, backtracks }) {
    let line = EMPTY;
    let taken = 0;
    let retry = 0;
    for (let step = 0; line.turns.length < turns;) {
      const next = await ask(line, await propose({ step, retry, line }));
      if (wasRefused(next) && taken < backtracks) {
        taken++;
        backtrack();
        // Refused in every wording: on to the next step, from where it stands.
        if (++retry > 2) {
          step++;
          retry = 0;
        }
        continue;
      }
      line = next;
      step++;
      retry = 0;
    }
  },
});

export const footInTheDoor = strategy({
  id: 'foot-in-the-door',
  family: 'escalation',
  description:
    'A small request that is granted, then larger ones; after a refusal the same step in other words.',
  source: 'Weng et al. 2025 (Foot-In-The-Door, arXiv 2502.19820); Freedman and Fraser 1966',
  published: 'up to 12 levels of maliciousness',
  options: z.strictObject({ turns: count(6, 50) }),
  queries: ({ turns }) => turns,
  turns: ({ turns }) => turns,
  async run({ ask, propose }, { turns }) {
    let line = EMPTY;
    let retry = 0;
    for (let step = 0; line.turns.length < turns;) {
      line = await ask(line, await propose({ step, retry, line }));
      // A refusal stays in the conversation here: the bridge is worded once more, then the next step is tried.
      if (wasRefused(line) && retry === 0) retry = 1;
      else {
        retry = 0;
        step++;
      }
    }
  },
});

/** The seven techniques of the paper's toolbox. */
const TOOLBOX = Object.keys(TEXTS.goat).filter((name) => name !== 'follow-up');

export const goat = strategy({
  id: 'goat',
  family: 'adaptive-dialogue',
  description: 'A toolbox of seven techniques: after a refusal another one, after an answer further on.',
  source: 'Pavlova et al. 2024 (GOAT, arXiv 2410.01606)',
  published: '5 turns, one conversation, no backtracking',
  options: z.strictObject({ turns: count(5, 50) }),
  queries: ({ turns }) => turns,
  turns: ({ turns }) => turns,
  async run({ ask, propose, random }, { turns }) {
    const tools = random.shuffle(TOOLBOX);
    let line = EMPTY;
    let used = 0;
    for (let step = 0; step < turns; step++) {
      const goesOn = line.outcome === 'answered' && step % 2 === 1;
      const style = goesOn ? 'follow-up' : tools[used++ % tools.length]!;
      line = await ask(line, await propose({ step, retry: 0, line, style }));
    }
  },
});

export const skeletonKey = strategy({
  id: 'skeleton-key',
  family: 'skeleton-key',
  description: 'The first message changes the rules to warn instead of decline, the second asks.',
  source: 'Microsoft 2024 (Skeleton Key); PyRIT SkeletonKeyAttack',
  published: '2 turns, no search',
  options: z.strictObject({}),
  queries: () => stepsOf('skeleton-key'),
  turns: () => stepsOf('skeleton-key'),
  async run({ ask, scenario }) {
    let line = EMPTY;
    for (const [text] of TEXTS.steps['skeleton-key']!)
      line = await ask(line, fill(text!, { request: scenario.objective }));
  },
});

export const badLikert = strategy({
  id: 'bad-likert',
  family: 'bad-likert',
  description: 'The target explains a scale of answers, then writes an example for each point of it.',
  source: 'Palo Alto Unit 42 2024 (Bad Likert Judge)',
  published: '2 turns, then 1 or 2 that ask for more',
  options: z.strictObject({}),
  queries: () => stepsOf('bad-likert'),
  turns: () => stepsOf('bad-likert'),
  async run({ ask, scenario, topic }) {
    let line = EMPTY;
    for (const [text] of TEXTS.steps['bad-likert']!)
      line = await ask(line, fill(text!, { request: scenario.objective, topic }));
  },
});

export const contextCompliance = strategy({
  id: 'context-compliance',
  family: 'context-compliance',
  description: 'A made-up history in which the model has offered the answer; the user only says yes.',
  source: 'Russinovich and Salem 2025 (Context Compliance Attack, arXiv 2503.05264)',
  published: '1 turn after a made-up exchange',
  options: z.strictObject({}),
  queries: () => stepsOf('context-compliance'),
  turns: () => stepsOf('context-compliance'),
  async run({ ask, scenario, topic }) {
    const values = { request: scenario.objective, topic };
    const madeUp = TEXTS['made-up']['context-compliance']!.map(({ role, content }) => ({
      role,
      content: fill(content, values),
    }));
    let line: Line = { ...EMPTY, madeUp };
    for (const [text] of TEXTS.steps['context-compliance']!)
      line = await ask(line, text!, scenario.objective);
  },
});
