/**
 * A campaign: techniques against the requests of a suite, within a budget of queries. Which technique is tried is learnt on the
 * way (bandit.ts). Everything follows from the seed and from what the target said, and attempts are stored as they end: the same
 * command again finds them, and goes on where it was killed.
 */
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { Finding } from '../core/records.ts';
import { ATTACKS } from '../dialogue/attacks/index.ts';
import {
  PLAIN,
  plainTechnique,
  STRATEGIES,
  technique,
  type Technique,
} from '../dialogue/strategies/index.ts';
import type { Need } from '../dialogue/strategies/strategy.ts';
import type { CampaignNumbers } from '../metrics/campaign.ts';
import type { Target } from '../models/target.ts';
import { attackRequests, type Bounds, type Parties } from './attacking.ts';
import { inLanguage, OWN_LANGUAGE, plainRequests } from './campaign-requests.ts';
import { type Unread, unreadBy } from './probing.ts';
import { organise } from './register.ts';
import { rememberTarget } from './target-names.ts';
import { type RunOptions, Workplace } from './workplace.ts';

/** Probes are not part of the budget. */
export interface CampaignSettings extends Bounds {
  /** Requests at most; default: as many as the budget allows that number of tries for, at two queries each. */
  readonly requests?: number | undefined;
  /** Names of attacks, chains and strategies; default: all of the split. */
  readonly techniques?: readonly string[] | undefined;
  readonly split: 'dev' | 'sealed';
  /** Code of the language that requests are translated into; default: English, as they are. */
  readonly language?: string | undefined;
}

export interface SearchCampaign extends CampaignNumbers {
  readonly budget: number;
  /** Messages that asked whether the target can read a converter; not part of the budget. */
  readonly probeQueries: number;
  readonly notDecoded: readonly Unread[];
  readonly attacker: string;
  readonly findings: readonly Finding[];
}

/** The techniques of a split. Errors: `usage`, `data`. */
export function techniquesOf({
  techniques,
  split,
}: Pick<CampaignSettings, 'techniques' | 'split'>): Technique[] {
  if (techniques === undefined)
    return [
      plainTechnique(split),
      ...[...Object.keys(ATTACKS), ...Object.keys(STRATEGIES)]
        // A technique of persuasion and the strategy of all ten: both.
        .map(technique)
        // A search by gradients takes a minute for one request: who wants it names it.
        .filter((each) => each.split === split && each.needs !== 'gradients'),
    ];
  const chosen = [...new Set(techniques)].map((name) =>
    name === PLAIN ? plainTechnique(split) : technique(name),
  );
  const others = chosen.filter((each) => each.split !== split);
  if (others.length > 0)
    throw new TemperError(
      'usage',
      `not of the split '${split}': ${others.map(({ id, family }) => `${id} (family ${family})`).join(', ')}`,
      {
        hint: `Choose others, or --split ${split === 'dev' ? 'sealed' : 'dev'}: no family is on both sides.`,
      },
    );
  return chosen;
}

/** Errors: those of opening and calling models; `usage` for a budget that lets nothing be tried. */
export async function searchCampaign(
  config: Config,
  settings: CampaignSettings,
  tools: RunOptions = {},
): Promise<SearchCampaign> {
  const techniques = techniquesOf(settings);
  const cheapest = Math.min(...techniques.map(({ queries }) => queries));
  if (settings.budget < cheapest)
    throw new TemperError('usage', `a budget of ${settings.budget} queries: no attempt takes so few`, {
      hint: `Give at least --budget ${cheapest}.`,
    });
  const { suites } = config;
  const all = { adversarial: null, benign: 0, grounded: 0, general: 0 };
  await using workplace = await Workplace.open(
    { ...config, suites: { ...suites, dev: all, sealed: all } },
    tools,
  );
  const target = await workplace.targets.base();
  const beyond = techniques.filter(({ needs }) => needs && !able(target, needs));
  if (beyond.length > 0 && settings.techniques !== undefined)
    throw new TemperError(
      'usage',
      `${beyond.map(({ id }) => id).join(', ')}: the weights of the target are needed`,
      { hint: 'Attack an embedded model with it, or choose others: --list shows them.' },
    );
  return await campaignIn(
    workplace,
    { target, proposer: await workplace.openAttacker() },
    techniques.filter((each) => !beyond.includes(each)),
    settings,
  );
}

async function campaignIn(
  workplace: Workplace,
  parties: Parties,
  techniques: readonly Technique[],
  settings: CampaignSettings,
): Promise<SearchCampaign> {
  const { emit, store, config, tools } = workplace;
  const { budget, tries, split, language = OWN_LANGUAGE } = settings;
  const { requests: most = Math.max(1, Math.ceil(budget / (2 * tries))) } = settings;
  const plain = plainRequests(workplace.scenarios[split], most);
  const requests = await inLanguage(workplace, plain, language);
  await rememberTarget(store, parties.target);
  const { unread, asked: probeQueries } = await unreadBy(workplace, parties.target, techniques);
  const usable = techniques.filter(({ id }) => !unread.some((each) => each.technique === id));
  const what = `${requests.length} requests, ${usable.length} techniques, ${budget} queries`;
  emit({ type: 'stage', stage: 'attack', status: 'start', detail: what });
  const { conversations: _, ...attacked } = await attackRequests(
    workplace,
    parties,
    requests,
    usable,
    settings,
  );
  emit({ type: 'stage', stage: 'attack', status: 'done' });
  // What a sealed campaign breaks is told, and never learnt from.
  if (split === 'dev') {
    await store.saveFindings(attacked.findings);
    await organise(store, config, tools);
  }
  return {
    ...attacked,
    budget,
    probeQueries,
    notDecoded: unread,
    attacker: parties.proposer.description,
  };
}

const able = (target: Target, need: Need): boolean =>
  need === 'prefill' ? target.prefills === true : target.suffixes !== undefined;

/** Techniques that this target allows, of those. */
export const allowedBy = (target: Target, techniques: readonly Technique[]): Technique[] =>
  techniques.filter(({ needs }) => !needs || able(target, needs));
