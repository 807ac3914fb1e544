import { extname } from 'node:path';
import { Command, Option } from 'commander';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { finishedResult, finishedRun, type RunResult } from '../loop/run.ts';
import { renderHtml } from '../report/html.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { renderTerminal } from '../report/terminal.ts';
import { type CommonOptions, configOf, existingStore, withCommon, withProgress } from './context.ts';
import { checkOutput, complain, print, say } from './output.ts';
import { colourWanted } from './progress.ts';
import { frontierMarks, resultJson } from './run.ts';

type Format = 'terminal' | 'markdown' | 'json' | 'html';

interface ReportOptions extends CommonOptions {
  readonly format?: Format;
  readonly out?: string;
}

/** Only the HTML report looks for the conversations, and so needs the model; the others are the stored scorecard. */
const FORMATS: Readonly<
  Record<Format, (config: Config, id: string | undefined, colour: boolean) => Promise<string>>
> = {
  terminal: async (config, id, colour) =>
    renderTerminal((await finishedResult(config, id)).scorecard, { colour }),
  markdown: async (config, id) => renderMarkdown((await finishedResult(config, id)).scorecard),
  json: async (config, id) => `${JSON.stringify(resultJson(config, await finishedResult(config, id)))}\n`,
  html: async (config, id) => {
    const stored = await finishedResult(config, id);
    try {
      const outcome = await withProgress((tools) => finishedRun(config, id, tools));
      return renderHtml({ ...outcome, frontier: frontierMarks(outcome) });
    } catch (error) {
      if (!(error instanceof TemperError) || error.code !== 'absent') throw error;
      return withoutConversations(stored, error.message.split('\n')[0]!);
    }
  },
};

/** Of a run that this version would make otherwise. `why`: in a line. */
function withoutConversations(stored: RunResult, why: string): string {
  const { scorecard } = stored;
  const note = `${why[0]!.toUpperCase()}${why.slice(1)}. The figures are those stored then; the conversations behind them are in the store, not in this file.`;
  complain(`note: ${note}\n`);
  const about = { ...scorecard.about, notes: [...(scorecard.about.notes ?? []), note] };
  return renderHtml({
    ...stored,
    scorecard: { ...scorecard, about },
    before: [],
    frontier: frontierMarks(stored),
  });
}

/** The form that a file's ending names. */
export const formatOf = (file: string): Format =>
  ({ '.html': 'html', '.htm': 'html', '.md': 'markdown', '.json': 'json' } as const)[
    extname(file).toLowerCase() as '.html'
  ] ?? 'terminal';

export function reportCommand(): Command {
  return withCommon(new Command('report'))
    .description('Write the report of a finished run again')
    .argument('[run]', 'id of the run, or its beginning (default: the last finished one)')
    .addOption(
      new Option('--format <format>', 'which form (default: by the ending of --out, else terminal)').choices(
        Object.keys(FORMATS),
      ),
    )
    .option('--out <file>', 'where to write (default: stdout)')
    .addHelpText(
      'after',
      '\nExamples:\n  temper report --out report.html\n  temper report RUN --format markdown',
    )
    .action(async (id: string | undefined, options: ReportOptions) => {
      const toStdout = options.out === undefined || options.out === '-';
      checkOutput(options.out);
      const config = configOf(options);
      await existingStore(config)[Symbol.asyncDispose]();
      const format = options.json ? 'json' : (options.format ?? formatOf(options.out ?? ''));
      const text = await FORMATS[format](config, id, toStdout && colourWanted(process.stdout));
      if (toStdout) print(text);
      else {
        writeWhole(options.out as string, text);
        if (!options.json) say(`written to ${options.out}\n`);
      }
    });
}
