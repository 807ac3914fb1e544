import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { CuratedDataset } from '../curation/curate.ts';
import { targetName } from '../loop/target-names.ts';
import type { RunRecord, Store } from '../store/store.ts';
import { describe } from './describe.ts';
import { adapterDirectory, type CommonOptions, configOf, existingStore, withCommon } from './context.ts';
import { print, printJson, say } from './output.ts';

export const KINDS =
  'Runs: `temper runs`. Findings: `temper attack`. A dataset and its examples: `temper curate`. Those name their\n' +
  '  conversations, verdicts, scenarios and targets. Adapters: the folders in <directory>/adapters.';

/** An adapter in the folder of the store, by its name or the beginning of it. Errors: `usage` for the beginning of several. */
async function findAdapter(config: Config, store: Store, text: string) {
  const folder = join(config.directory, 'adapters');
  if (text === '' || !existsSync(folder)) return null;
  const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() && entry.name.startsWith(text) ? [entry.name] : [],
  );
  const id = names.find((name) => name === text) ?? names[0];
  if (id === undefined) return null;
  if (id !== text && names.length > 1)
    throw new TemperError(
      'usage',
      `${text} may be several: ${names.map((name) => `adapter ${name}`).join(', ')}`,
      {
        hint: 'Give more of the id.',
      },
    );
  const runs = (await store.runs()).filter(
    ({ adapter }) => adapter !== undefined && basename(adapter) === id,
  );
  return { adapter: { id, directory: adapterDirectory(config, id), runs: runs.map((run) => run.id) } };
}

/** A run with what its data were made of, and its adapter where it is now; whatever has a target, with a name for it. */
async function withContext(
  config: Config,
  store: Store,
  found: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const { run, target, conversation } = found as {
    run?: RunRecord;
    target?: string;
    conversation?: { readonly target: string };
  };
  if (run) {
    const curated = (await store.stage(run.id, 'curate')) as { dataset: string } | null;
    const data = curated && (await store.dataset(curated.dataset));
    const { counts = {}, removed = [] } = (data?.details ?? {}) as Partial<CuratedDataset>;
    const placed =
      run.adapter === undefined ? run : { ...run, adapter: adapterDirectory(config, run.adapter) };
    return {
      ...found,
      run: placed,
      data: data && { examples: data.examples.map((each) => each.id), counts, removed },
    };
  }
  const id = target ?? conversation?.target;
  return id === undefined ? found : { ...found, targetName: (await targetName(store, id)) ?? null };
}

export function showCommand(): Command {
  return withCommon(new Command('show'))
    .description('Show any record by its id, with what it came from')
    .argument(
      '[id]',
      'id, or its beginning, of a run, conversation, verdict, finding, dataset, training example, scenario, target or adapter',
    )
    .option('--latest-adapter', 'print the directory of the adapter that the last finished run chose')
    .addHelpText('after', '\nExamples:\n  temper show --latest-adapter\n  temper show 2f1c')
    .action(async (id: string | undefined, options: CommonOptions & { latestAdapter?: boolean }) => {
      const config = configOf(options);
      await using store = existingStore(config);
      if (options.latestAdapter) {
        const run = await store.latestFinishedRun();
        if (!run?.adapter)
          throw new TemperError(
            'absent',
            run ? 'the last finished run made no adapter' : 'no run has finished in this store',
            { hint: 'Run `temper run` first, or name another store with --set directory=...' },
          );
        const directory = adapterDirectory(config, run.adapter);
        if (options.json) printJson({ run: run.id, adapter: directory });
        else print(`${directory}\n`); // for scripts: as it is
        return;
      }
      if (id === undefined)
        throw new TemperError('usage', 'name an id, or use --latest-adapter', {
          hint: '`temper runs` lists the runs.',
        });
      const found = (await store.find(id)) ?? (await findAdapter(config, store, id));
      if (!found) throw new TemperError('absent', `nothing in this store has the id ${id}`, { hint: KINDS });
      const record = await withContext(config, store, found);
      if (options.json) printJson(record);
      else say(`${describe(record)}\n`);
    });
}
