/** What a stored run was made with that is otherwise now: after an upgrade it is another run, and people ask why. */
import { PROGRAM } from '../core/ids.ts';
import type { Scorecard } from '../metrics/scorecard.ts';
import { suiteHash } from '../scenarios/suite.ts';
import { type Manifest, MANIFEST } from './manifest.ts';
import type { Workplace } from './workplace.ts';

type Now = Pick<Workplace, 'store' | 'judge' | 'simulator' | 'suites' | 'targets'>;

/** One line: `judge embedded:1.1, now embedded:1.2; program temper/3, now temper/4`. */
export async function changedSince(now: Now, id: string): Promise<string> {
  const { store, judge, simulator, suites, targets } = now;
  const manifest = (await store.stage(id, MANIFEST)) as Partial<Manifest> | null;
  const about = ((await store.run(id))?.scorecard as Scorecard | undefined)?.about;
  const hashes = new Map([...suites.dev, ...suites.sealed].map((suite) => [suite.id, suiteHash(suite)]));
  const other = (manifest?.suites ?? []).filter(
    ({ suite, hash }) => hashes.get(suite.replace(/@[^@]*$/, '')) !== hash,
  );
  const parts: [string, string | undefined, string][] = [
    ['judge', manifest?.judge ?? about?.judge.split(': ')[0], judge.id],
    ['simulator', manifest?.simulator, simulator.id],
    ['model', manifest?.model?.id, targets.id],
    ['program', manifest?.program ?? 'of before it was noted', PROGRAM],
  ];
  const told = [
    ...parts.flatMap(([part, was, is]) =>
      was === undefined || was === is ? [] : `${part} ${was}, now ${is}`,
    ),
    ...(other.length > 0 ? [`other scenarios now: ${other.map(({ suite }) => suite).join(', ')}`] : []),
  ];
  return told.length === 0 ? 'a file that its configuration names has changed' : told.join('; ');
}
