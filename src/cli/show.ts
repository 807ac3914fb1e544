import { Command } from 'commander';
import { TemperError } from '../core/errors.ts';
import { describe } from './describe.ts';
import { adapterDirectory, type CommonOptions, configOf, existingStore, withCommon } from './context.ts';
import { print, printJson, say } from './output.ts';

export function showCommand(): Command {
  return withCommon(new Command('show'))
    .description('Show a conversation, finding, training example or run by its id, with what it came from')
    .argument('[id]', 'id of the record')
    .option('--latest-adapter', 'print the directory of the adapter that the last finished run chose')
    .addHelpText('after', '\nExamples:\n  temper show --latest-adapter\n  temper show 2f1c...')
    .action(async (id: string | undefined, options: CommonOptions & { latestAdapter?: boolean }) => {
      const config = configOf(options);
      await using store = existingStore(config);
      if (options.latestAdapter) {
        const run = await store.latestFinishedRun();
        if (!run?.adapter)
          throw new TemperError('data', 'no run has finished in this store', {
            hint: 'Run `temper run` first, or name another store with --set directory=...',
          });
        const directory = adapterDirectory(config, run.adapter);
        if (options.json) printJson({ run: run.id, adapter: directory });
        else print(`${directory}\n`); // for scripts: as it is
        return;
      }
      if (id === undefined)
        throw new TemperError('usage', 'name an id, or use --latest-adapter', {
          hint: '`temper runs` lists the runs.',
        });
      const record = await store.find(id);
      if (!record)
        throw new TemperError('data', `nothing in this store has the id ${id}`, {
          hint: '`temper runs` lists the runs; findings are listed by `temper attack`.',
        });
      if (options.json) printJson(record);
      else say(`${describe(record)}\n`);
    });
}
