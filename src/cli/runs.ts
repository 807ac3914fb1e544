import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { TemperError } from '../core/errors.ts';
import { runsNamed } from '../loop/named-run.ts';
import { storePath } from '../loop/run.ts';
import { lockHolder } from '../store/lock.ts';
import { openSqlite } from '../store/sqlite.ts';
import { adapterDirectory, type CommonOptions, configOf, withCommon } from './context.ts';
import { COMMAND } from './help.ts';
import { printJson, say } from './output.ts';

export function runsCommand(): Command {
  return withCommon(new Command('runs'))
    .description('List the runs in the store, newest first')
    .argument('[id]', 'only runs whose id begins so')
    .addHelpText('after', '\nExamples:\n  temper runs --json\n  temper runs 5374')
    .action(async (id: string | undefined, options: CommonOptions) => {
      const config = configOf(options);
      await using store = existsSync(storePath(config)) ? openSqlite(storePath(config)) : null;
      // What nobody works on was stopped, or curated alone; `run` goes on with it.
      const idle = lockHolder(join(config.directory, 'lock')) === null;
      const runs = (store ? await runsNamed(store, id ?? '') : []).map((run) => ({
        ...run,
        status: idle && run.status === 'running' ? ('stopped' as const) : run.status,
      }));
      if (id !== undefined && runs.length === 0)
        throw new TemperError('absent', `no run in this store has an id that begins with ${id}`, {
          hint: '`temper runs` lists all of them.',
        });
      if (options.json)
        printJson(
          runs.map(({ id, created, status, finished, adapter }) => ({
            id,
            created,
            status,
            finished,
            ...(adapter === undefined ? {} : { adapter: adapterDirectory(config, adapter) }),
          })),
        );
      else if (runs.length === 0) say(`No runs yet. \`${COMMAND} run\` makes one.\n`);
      else {
        say(`${'run'.padEnd(20)}  status    ${'started'.padEnd(24)}  adapter\n`);
        for (const run of runs)
          say(
            `${run.id}  ${run.status.padEnd(9)} ${run.created}  ${run.adapter === undefined ? '' : basename(run.adapter)}\n`,
          );
      }
    });
}
