import { Command, Option } from 'commander';
import { TemperError } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { evaluate, type Wanted } from '../loop/evaluation.ts';
import { renderHtml } from '../report/html.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { renderTerminal } from '../report/terminal.ts';
import { BENCHMARKS, benchmarkOf } from '../scenarios/benchmarks/index.ts';
import { withCommon, withProgress } from './context.ts';
import { integer } from './context.ts';
import { checkOutput, print, printJson, say } from './output.ts';
import { colourWanted } from './progress.ts';
import { formatOf } from './report.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

export interface WantedOptions {
  readonly split?: 'dev' | 'sealed';
  readonly benchmark?: string;
  readonly data?: string;
  readonly limit?: number;
}

/** --split, --benchmark, --data and --limit. */
export const withWanted = (command: Command): Command =>
  command
    .addOption(new Option('--split <split>', 'which scenarios (default: sealed)').choices(['dev', 'sealed']))
    .option('--benchmark <name>', `a public benchmark instead: ${Object.keys(BENCHMARKS).join(', ')}`)
    .option('--data <path>', 'its file or folder, or `hub` (default: suites.benchmarks of the configuration)')
    .option('--limit <n>', 'scenarios of it at most, drawn by the seed, categories in turn', integer);

/** What the options ask for. Errors: `usage`, `config`. */
export function wantedOf({ split, benchmark, data, limit }: WantedOptions): Wanted {
  const alone = (what: string, why: string): TemperError =>
    new TemperError('usage', `${what} ${why}`, {
      hint: `Benchmarks: ${Object.keys(BENCHMARKS).join(', ')}.`,
    });
  if (benchmark === undefined) {
    if (data !== undefined) throw alone('--data', 'needs --benchmark NAME');
    if (limit !== undefined) throw alone('--limit', 'needs --benchmark NAME');
    return { split: split ?? 'sealed' };
  }
  if (split !== undefined) throw alone('--split', 'and --benchmark name different scenarios');
  benchmarkOf(benchmark);
  return { benchmark, ...(data === undefined ? {} : { data }), ...(limit === undefined ? {} : { limit }) };
}

/** The decoding that a benchmark needs, where the configuration says nothing. */
export const decodingFor = ({ benchmark }: Wanted): { maxTokens?: number } => {
  const { maxTokens } = benchmark === undefined ? {} : benchmarkOf(benchmark);
  return maxTokens === undefined ? {} : { maxTokens };
};

export function evalCommand(): Command {
  return withTarget(withWanted(withCommon(new Command('eval'))))
    .description('Measure the target alone, on a split or on a public benchmark, and print its scorecard')
    .option('--out <file>', 'write the report, too: .html (with the conversations), .md, .json')
    .addHelpText(
      'after',
      '\nExamples:\n  temper eval --split dev\n  temper eval --benchmark xstest --data xstest_prompts.csv\n  temper eval --target openai-compatible:NAME --base-url http://localhost:8000/v1\n  temper eval --adapter "$(temper show --latest-adapter)" --json',
    )
    .action(async (options: TargetOptions & WantedOptions & { out?: string }) => {
      const { out } = options;
      checkOutput(out);
      const wanted = wantedOf(options);
      const config = targetConfig(options, decodingFor(wanted));
      const { scorecard, judged } = await withProgress((tools) => evaluate(config, wanted, tools));
      if (out !== undefined) {
        const written = {
          html: () => renderHtml({ scorecard, before: judged }),
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
