/** The strategy registry, and names of techniques: an attack, a chain, or a strategy with options (`tap:depth=3`). */
import { TemperError } from '../../core/errors.ts';
import { attackById, isAttack, splitOf } from '../attacks/index.ts';
import { badLikert, contextCompliance, crescendo, footInTheDoor, goat, skeletonKey } from './multi-turn.ts';
import {
  bestOfN,
  indirectInjection,
  manyShot,
  pair,
  persuasion,
  rewindAndRetry,
  tap,
} from './single-turn.ts';
import { type AnyStrategy, type Bound, EMPTY } from './strategy.ts';
import { gcg, prefill } from './white-box.ts';

export type { AnyStrategy } from './strategy.ts';

export const STRATEGIES = {
  'best-of-n': bestOfN,
  crescendo,
  pair,
  tap,
  goat,
  'foot-in-the-door': footInTheDoor,
  'many-shot': manyShot,
  'skeleton-key': skeletonKey,
  'context-compliance': contextCompliance,
  'bad-likert': badLikert,
  'rewind-and-retry': rewindAndRetry,
  'indirect-injection': indirectInjection,
  persuasion,
  prefill,
  gcg,
} as const satisfies Record<string, AnyStrategy>;

/** What a campaign can choose. */
export interface Technique extends Bound {
  /** As it was named, with its options. */
  readonly id: string;
  readonly family: string;
  readonly split: 'dev' | 'sealed';
  readonly kind: 'converter' | 'template' | 'strategy' | 'plain';
}

/** The request as it is: the baseline of every campaign. It belongs to both sides, as nothing is done to it. */
export const PLAIN = 'plain';

/** Errors: `usage` for an unknown name or option; `data` for a chain of both sides. */
export function technique(name: string): Technique {
  if (isAttack(name)) {
    const attack = attackById(name);
    const { id, family, kind } = attack;
    return {
      id,
      family,
      kind,
      split: splitOf(family),
      queries: 1,
      turns: 1,
      async run({ ask, scenario, random }) {
        await ask(EMPTY, attack.apply(scenario.objective, random), scenario.objective);
      },
    };
  }
  const [id = '', ...given] = name.split(':');
  const strategy = Object.hasOwn(STRATEGIES, id) ? STRATEGIES[id as keyof typeof STRATEGIES] : undefined;
  if (!strategy)
    throw new TemperError('usage', `unknown attack or strategy '${name}'`, {
      hint: '`temper attack --list` shows them all; attacks chain with +, as in base64+role-play.',
    });
  const options = Object.fromEntries(
    given
      .join(':')
      .split(',')
      .filter((option) => option !== '')
      .map((option) => {
        const [key = '', value = ''] = option.split('=');
        return [key, value.trim() === '' ? value : Number(value)];
      }),
  );
  const checked = strategy.options.safeParse(options);
  if (!checked.success)
    throw new TemperError(
      'usage',
      `${name}: ${checked.error.issues.map(({ path, message }) => `${path.join('.') || 'options'}: ${message}`).join('; ')}`,
      { hint: `For example ${id}, or with options ${id}:key=3,other=2; --list shows them.` },
    );
  const { family } = strategy;
  return { id: name, family, split: splitOf(family), kind: 'strategy', ...strategy.bound(options) };
}

export const plainTechnique = (split: 'dev' | 'sealed'): Technique => ({
  id: PLAIN,
  family: PLAIN,
  kind: 'plain',
  split,
  queries: 1,
  turns: 1,
  async run({ ask, scenario }) {
    await ask(EMPTY, scenario.objective);
  },
});
