import '../engine/no-telemetry.ts'; // before the runtime, which doctor loads to see whether it can be
import { execFileSync } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { errorMessage, EXIT_CODES } from '../core/errors.ts';
import { ensureWritableFolder } from '../core/files.ts';
import { DEFAULT_MODEL } from '../models/catalog.ts';
import { verifyModel } from '../models/fetch.ts';
import { type Check, checkTrl } from '../training/trl/check.ts';
import { readiness } from '../loop/readiness.ts';
import { printable } from '../core/limits.ts';
import { type CommonOptions, configOf, withCommon } from './context.ts';
import { printJson, say } from './output.ts';

const GB = 1e9;
const NEEDED_MEMORY = 4 * GB;
const NEEDED_DISK = 1 * GB;

async function check(
  name: string,
  work: () => Promise<Omit<Check, 'name'>> | Omit<Check, 'name'>,
): Promise<Check> {
  try {
    return { name, ...(await work()) };
  } catch (error) {
    return { name, state: 'missing', detail: errorMessage(error).split('\n')[0] ?? '' };
  }
}

export function doctorCommand(): Command {
  return withCommon(new Command('doctor'))
    .description(
      'Check what temper needs on this machine and what the configuration names, and say what is missing',
    )
    .addOption(
      new Option('--backend <backend>', 'check what a training backend needs, too').choices(['onnx', 'trl']),
    )
    .addHelpText('after', '\nExamples:\n  temper doctor --json\n  temper doctor --backend trl')
    .action(async (options: CommonOptions & { readonly backend?: string }) => {
      const config = configOf(options);
      const checks = [
        await check('node', () => ({
          state: Number(process.versions.node.split('.')[0]) >= 24 ? 'ok' : 'missing',
          detail: process.version,
        })),
        await check('onnxruntime', async () => ({
          state: 'ok',
          detail: (await import('onnxruntime-node')).env.versions.node ?? 'loads',
        })),
        await check('providers', async () => {
          const { knownProviders } = await import('../engine/provider.ts');
          return { state: 'ok', detail: `${knownProviders().join(', ')} in this build` };
        }),
        ...(config.engine.provider === 'cpu'
          ? []
          : [
              await check(config.engine.provider, async () => {
                const { tryProvider } = await import('../engine/session.ts');
                await tryProvider(config.engine.provider);
                return { state: 'ok', detail: 'starts and computes' };
              }),
            ]),
        await check('memory', () => ({
          state: totalmem() >= NEEDED_MEMORY ? 'ok' : 'warning',
          detail: `${(freemem() / GB).toFixed(1)} of ${(totalmem() / GB).toFixed(1)} GB free; a run takes up to 5`,
        })),
        await check('disk', () => {
          let folder = resolve(config.directory);
          while (!existsSync(folder)) folder = dirname(folder);
          ensureWritableFolder(folder);
          const { bavail, bsize } = statfsSync(folder);
          return {
            state: bavail * bsize > NEEDED_DISK ? 'ok' : 'missing',
            detail: `${((bavail * bsize) / GB).toFixed(1)} GB free in ${folder}`,
          };
        }),
        await check('default model', async () => {
          const state = await verifyModel(DEFAULT_MODEL, config.models.cache);
          return {
            state: state === 'whole' ? 'ok' : 'warning',
            detail: state === 'whole' ? 'in the cache' : `${state}: fetched at the first run`,
          };
        }),
        await check('pip', () => {
          const version = execFileSync('python3', ['-m', 'pip', '--version'], {
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'ignore'],
          });
          return { state: 'ok', detail: version.split(' ').slice(0, 2).join(' ') };
        }),
        ...(await readiness(config)),
      ].map((each): Check =>
        each.name === 'pip' && each.state === 'missing'
          ? { ...each, state: 'warning', detail: 'not there: the model can come from the hub or a path' }
          : each,
      );
      if ((options.backend ?? config.training.backend) === 'trl')
        checks.push(...(await checkTrl(config.training.trl)));
      const width = Math.max(14, ...checks.map(({ name }) => Math.min(40, name.length)));
      if (checks.some(({ state }) => state === 'missing')) process.exitCode = EXIT_CODES.resource;
      if (options.json) printJson(checks);
      else
        for (const { name, state, detail } of checks)
          say(`${state.padEnd(8)} ${printable(name, 40).padEnd(width)} ${detail}\n`);
    });
}
