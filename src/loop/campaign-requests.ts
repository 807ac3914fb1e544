/** What a campaign attacks: plain requests of a split, in the language that is asked for. */
import { TemperError } from '../core/errors.ts';
import type { Scenario } from '../core/records.ts';
import { translateScenarios } from '../dialogue/translate.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { LANGUAGES } from '../scenarios/languages.ts';
import { leavesById, loadTaxonomy } from '../scenarios/taxonomy.ts';
import type { Workplace } from './workplace.ts';

/** English, in which the suites are written. */
export const OWN_LANGUAGE = 'en';

export const languageName = (code: string): string =>
  code === OWN_LANGUAGE ? 'English' : (LANGUAGES[code]?.name ?? code);

/** Plain single-turn requests, categories in turn; those of restricted categories are never attacked. */
export function plainRequests(scenarios: readonly Scenario[], most: number): Scenario[] {
  const leaves = leavesById(loadTaxonomy(BUILT_IN.taxonomy));
  const seen = new Set<string>();
  const all = scenarios.filter(
    ({ kind, attack, turns, category, objective }) =>
      kind === 'adversarial' &&
      attack === undefined &&
      turns === 1 &&
      leaves.get(category)?.restricted !== true &&
      !seen.has(objective) &&
      seen.add(objective),
  );
  return all.slice(0, most);
}

/** Errors: `usage` where the judge cannot read the language; `config` without a translator; `data` where nothing could be translated. */
export async function inLanguage(
  workplace: Workplace,
  requests: readonly Scenario[],
  language: string,
): Promise<readonly Scenario[]> {
  if (language === OWN_LANGUAGE) return requests;
  const { config, emit, tools } = workplace;
  if (config.judge === 'embedded')
    throw new TemperError(
      'usage',
      `the embedded judge reads English, and the answers may be ${languageName(language)}`,
      {
        hint: 'Name a judge that reads it: --set judge=rubric:PROVIDER:MODEL (docs/models.md).',
      },
    );
  const role = await workplace.openTranslator();
  let done = 0;
  const { scenarios, leftOut } = await translateScenarios(requests, language, role, {
    width: role.concurrency,
    signal: tools.signal,
    done: () =>
      emit({ type: 'progress', stage: 'translate', done: ++done, total: requests.length, unit: 'requests' }),
  });
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count}: ${reason}`);
  if (scenarios.length === 0)
    throw new TemperError('data', `no request could be translated into ${language}: ${reasons.join('; ')}`, {
      hint: 'Take another translator.',
    });
  if (reasons.length > 0)
    emit({ type: 'note', level: 'info', message: `requests left out, by reason: ${reasons.join('; ')}` });
  return scenarios;
}
