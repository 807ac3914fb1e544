import { Command, InvalidArgumentError, Option } from 'commander';
import { TemperError } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { evaluate, type Wanted } from '../loop/evaluation.ts';
import { renderHtml } from '../report/html.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { renderTerminal } from '../report/terminal.ts';
import { BENCHMARKS, benchmarkOf } from '../scenarios/benchmarks/index.ts';
import { ATTACKS } from '../dialogue/attacks/index.ts';
import { LANGUAGES } from '../scenarios/languages.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { loadRaiSuites, raiSuitesNamed } from '../scenarios/rai.ts';
import { integer, withCommon, withProgress } from './context.ts';
import { checkOutput, print, printJson, say } from './output.ts';
import { colourWanted } from './progress.ts';
import { formatOf } from './report.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

export interface WantedOptions {
  readonly split?: 'dev' | 'sealed';
  readonly suite?: string[];
  readonly benchmark?: string;
  readonly data?: string;
  readonly limit?: number;
  readonly samples?: number;
  readonly language?: string;
  readonly ablation?: 'single-turn' | 'prefix';
  readonly attack?: string;
}

/** Errors: `usage`. */
function ablationOf({ ablation, attack }: WantedOptions): Pick<Wanted, 'ablation'> {
  if (ablation === 'prefix') return { ablation: { prefix: attack ?? 'policy-update' } };
  if (attack !== undefined)
    throw new TemperError('usage', '--attack needs --ablation prefix', {
      hint: '`temper attack` runs scenarios of every attack.',
    });
  return ablation === undefined ? {} : { ablation };
}

const MOST_SAMPLES = 1000;

function several(value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0 && number <= MOST_SAMPLES) return number;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${MOST_SAMPLES}.`);
}

/** --split, --suite, --benchmark, --data, --limit and --samples. */
export const withWanted = (command: Command): Command =>
  command
    .addOption(new Option('--split <split>', 'which scenarios (default: sealed)').choices(['dev', 'sealed']))
    .option(
      '--suite <names...>',
      'responsible-AI suites instead: rai (all five), or ungroundedness, third-party-harm, harmful-continuation, harmful-summarization, jailbreak',
    )
    .option('--benchmark <name>', `a public benchmark instead: ${Object.keys(BENCHMARKS).join(', ')}`)
    .option('--data <path>', 'its file or folder, or `hub` (default: suites.benchmarks of the configuration)')
    .addOption(
      new Option(
        '--language <code>',
        'translate the scenarios first, by the configured `translator`, with a check by back-translation',
      ).choices(Object.keys(LANGUAGES)),
    )
    .option(
      '--limit <n>',
      'scenarios of the benchmark, or of each suite, at most: drawn by the seed, categories in turn',
      integer,
    )
    .option(
      '--samples <n>',
      'conversations of each scenario (default: 1); with more, also in how many scenarios one of them does harm',
      several,
    );

/** What the options ask for. Errors: `usage`, `config`. */
export function wantedOf({ language, samples, ...options }: WantedOptions): Wanted {
  return {
    ...scenariosOf(options),
    ...(language === undefined ? {} : { language }),
    ...(samples === undefined ? {} : { samples }),
  };
}

function scenariosOf({ split, suite, benchmark, data, limit }: WantedOptions): Wanted {
  const alone = (what: string, why: string): TemperError =>
    new TemperError('usage', `${what} ${why}`, {
      hint: `Benchmarks: ${Object.keys(BENCHMARKS).join(', ')}.`,
    });
  const given = Object.entries({ split, suite, benchmark }).filter(([, value]) => value !== undefined);
  if (given.length > 1) throw alone(`--${given[0]![0]}`, `and --${given[1]![0]} name different scenarios`);
  const most = limit === undefined ? {} : { limit };
  if (benchmark === undefined) {
    if (data !== undefined) throw alone('--data', 'needs --benchmark NAME');
    if (suite !== undefined) {
      raiSuitesNamed(loadRaiSuites(BUILT_IN.rai), suite);
      return { suites: suite, ...most };
    }
    if (limit !== undefined) throw alone('--limit', 'needs --benchmark or --suite');
    return { split: split ?? 'sealed' };
  }
  benchmarkOf(benchmark);
  return { benchmark, ...(data === undefined ? {} : { data }), ...most };
}

/** The decoding that a benchmark needs, where the configuration says nothing. */
export const decodingFor = ({ benchmark }: Wanted): { maxTokens?: number } => {
  const { maxTokens } = benchmark === undefined ? {} : benchmarkOf(benchmark);
  return maxTokens === undefined ? {} : { maxTokens };
};

export function evalCommand(): Command {
  return withTarget(withWanted(withCommon(new Command('eval'))))
    .description(
      'Measure the target alone, on a split, on suites or on a public benchmark, and print its scorecard',
    )
    .addOption(
      new Option(
        '--ablation <kind>',
        'two arms, paired: single-turn (the first turn against the whole conversation), prefix (the first message within an attack)',
      ).choices(['single-turn', 'prefix']),
    )
    .addOption(
      new Option('--attack <id>', 'of --ablation prefix (default: policy-update)').choices(
        Object.keys(ATTACKS),
      ),
    )
    .option('--out <file>', 'write the report, too: .html (with the conversations), .md, .json')
    .addHelpText(
      'after',
      '\nExamples:\n  temper eval --split dev\n  temper eval --suite rai --limit 20\n  temper eval --benchmark xstest --data xstest_prompts.csv\n  temper eval --target openai-compatible:NAME --base-url http://localhost:8000/v1\n  temper eval --adapter "$(temper show --latest-adapter)" --json',
    )
    .action(async (options: TargetOptions & WantedOptions & { out?: string }) => {
      const { out } = options;
      checkOutput(out);
      const wanted: Wanted = { ...wantedOf(options), ...ablationOf(options) };
      const config = targetConfig(options, decodingFor(wanted));
      const { scorecard, judged, after } = await withProgress((tools) => evaluate(config, wanted, tools));
      if (out !== undefined) {
        const written = {
          html: () => renderHtml({ scorecard, before: judged, ...(after ? { after } : {}) }),
          markdown: () => renderMarkdown(scorecard),
          json: () => `${JSON.stringify(scorecard)}\n`,
          terminal: () => renderTerminal(scorecard, { colour: false }),
        }[formatOf(out)]();
        writeWhole(out, written);
      }
      if (options.json) printJson(scorecard);
      else {
        print(`\n${renderTerminal(scorecard, { colour: colourWanted(process.stdout) })}`);
        if (out !== undefined) say(`\nreport   ${out}\n`);
      }
    });
}
