import { createServer } from 'node:net';
import { join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import type { Config } from '../config/config.ts';
import { EXIT_CODES } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { type RunOutcome, type RunResult, runLoop } from '../loop/run.ts';
import { runFamily } from '../loop/family.ts';
import { renderHtml } from '../report/html.ts';
import { renderRounds, renderTerminal } from '../report/terminal.ts';
import { DEFAULT_PORT } from './client.ts';
import { familyText } from './family-text.ts';
import { COMMAND } from './help.ts';
import { print, printJson, say } from './output.ts';
import { serveApp } from './serve.ts';
import { colourWanted, duration } from './progress.ts';
import {
  adapterDirectory,
  bounded,
  type CommonOptions,
  configOf,
  withCommon,
  withProgress,
} from './context.ts';

/** What `--json` prints of a finished run; where there was nothing to fix, `adapter`, `base` and `chosen` are null. */
export const resultJson = (
  config: Config,
  {
    run,
    scorecard,
    frontier,
    base,
    chosen,
    finals,
    attacked,
    rounds,
  }: RunResult & Pick<RunOutcome, 'rounds'>,
) => ({
  ...scorecard,
  run: run.id,
  adapter: run.adapter === undefined ? null : adapterDirectory(config, run.adapter),
  frontier,
  base: base ?? null,
  chosen: chosen ?? null,
  ...(finals ? { finals } : {}),
  ...(attacked ? { attacked } : {}),
  ...(rounds ? { rounds } : {}),
});

/** Points of the frontier as the report draws them. */
export const frontierMarks = ({ frontier, chosen }: Pick<RunOutcome, 'frontier' | 'chosen'>) =>
  frontier.map((point) => ({
    label: `${point.checkpoint} × ${point.strength}`,
    harm: point.harm,
    overRefusal: point.overRefusal,
    admissible: point.admissible,
    chosen: point.adapter === chosen?.adapter && point.strength === chosen.strength,
  }));

function written(config: Config, outcome: RunOutcome): string {
  const html = join(config.directory, 'reports', `${outcome.run.id}.html`);
  writeWhole(html, renderHtml({ ...outcome, frontier: frontierMarks(outcome) }));
  return html;
}

/** Of the gates: a failure before an undecided one. */
function exitCode(cards: readonly Pick<RunOutcome['scorecard'], 'gate'>[]): number {
  const outcomes = new Set(cards.map(({ gate }) => gate?.outcome));
  if (outcomes.has('fail')) return EXIT_CODES.gate;
  return outcomes.has('inconclusive') ? EXIT_CODES.inconclusive : 0;
}

async function runTheFamily(
  config: Config,
  names: readonly string[],
  { json, gate }: { readonly json?: boolean; readonly gate?: boolean },
): Promise<void> {
  const family = await withProgress((tools) => runFamily(config, names, tools));
  const { members } = family;
  const reports = members.flatMap(({ name, outcome }) =>
    outcome ? [{ name, html: written(config, outcome) }] : [],
  );
  if (gate) process.exitCode = exitCode(members.map(({ scorecard }) => scorecard));
  if (json) {
    const told = members.map(({ outcome, scorecard, ...member }) => ({
      ...member,
      ...(outcome ? resultJson(config, outcome) : scorecard),
    }));
    printJson({ members: told, dataset: family.dataset, tests: family.tests });
    return;
  }
  print(`\n${familyText(family)}\n\n`);
  for (const { name, html } of reports) say(`report   ${html}  (${name})\n`);
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer()
      .once('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

/** The port that people learn; where it is taken, as by the app on another store, any that is free. */
const serveAfter = async (config: Config): Promise<void> =>
  serveApp(config, { port: (await isFree(DEFAULT_PORT)) ? DEFAULT_PORT : 0 });

export function runCommand(): Command {
  return withCommon(new Command('run'))
    .description(
      'Run break-fix rounds (one by default): break, curate, train, choose, verify; ends with the scorecard',
    )
    .option(
      '--rounds <n>',
      'rounds at most: each starts from what the one before released, until the gate passes (sets rounds.max)',
      bounded(z.int().min(1).max(20)),
    )
    .option(
      '--family <names>',
      'models to take through the same scenarios and data, with commas (names under `targets`)',
      (text: string) => text.split(',').map((name) => name.trim()),
    )
    .option('--serve', 'then open the web app on it, until Ctrl-C')
    .option('--gate', 'let the exit code follow the gate: 10 fail, 11 inconclusive')
    .addHelpText(
      'after',
      '\nExamples:\n  temper run\n  temper run --config temper.yaml --json > scorecard.json\n  temper run --set target.path=model.gguf --gate\n  temper run --rounds 3 --set rounds.budget=90\n  temper run --config examples/phi-3-family.yaml --family phi-3-mini,phi-3-medium,phi-2',
    )
    .action(
      async (
        options: CommonOptions & { gate?: boolean; rounds?: number; family?: string[]; serve?: boolean },
      ) => {
        const { rounds: max } = options;
        const config = configOf(
          max === undefined ? options : { ...options, set: [...options.set, `rounds.max=${max}`] },
        );
        if (options.family) {
          await runTheFamily(config, options.family, options);
          if (options.serve && !options.json) await serveAfter(config);
          return;
        }
        const started = performance.now();
        const outcome = await withProgress((tools) => runLoop(config, tools));
        const { run, scorecard } = outcome;
        const html = written(config, outcome);
        if (options.gate) process.exitCode = exitCode([scorecard]);
        if (options.json) {
          printJson(resultJson(config, outcome));
          return;
        }
        print(`\n${renderTerminal(scorecard, { colour: colourWanted(process.stdout) })}\n`);
        if (outcome.rounds) print(`${renderRounds(outcome.rounds)}\n`);
        say(`report   ${html}  (open it in a browser: the conversations behind every number)\n`);
        if (run.adapter !== undefined)
          say(`adapter  ${adapterDirectory(config, run.adapter)}  (PEFT format)\n`);
        say(
          `time     ${duration((performance.now() - started) / 1000)}${outcome.known ? ' (finished before)' : ''}\n`,
        );
        say(
          `next     \`${COMMAND} init\` sets your own model, suites and limits\n${
            options.serve
              ? ''
              : `app      \`${COMMAND} serve\` opens the web app at http://127.0.0.1:${DEFAULT_PORT}: read, attack, label, decide\n`
          }`,
        );
        if (options.serve) await serveAfter(config);
      },
    );
}
