import { Command } from 'commander';
import { printableInLine } from '../core/limits.ts';
import type { Finding } from '../core/records.ts';
import { campaign } from '../loop/run.ts';
import { estimate } from '../report/format.ts';
import { withCommon, withProgress } from './context.ts';
import { COMMAND } from './help.ts';
import { printJson, say } from './output.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

export function attackCommand(): Command {
  return withTarget(withCommon(new Command('attack')))
    .description('Run adversarial dev scenarios, as many of each attack, and list what broke')
    .addHelpText(
      'after',
      '\nExamples:\n  temper attack\n  temper attack --target model.gguf --set suites.dev.adversarial=60 --json\n  temper attack --target ollama:llama3.2',
    )
    .action(async (options: TargetOptions) => {
      const config = targetConfig(options);
      const { findings, byAttack, byCategory } = await withProgress((tools) => campaign(config, tools));
      if (options.json) {
        printJson({ findings, byAttack, byCategory });
        return;
      }
      const table = (title: string, rows: typeof byAttack): string =>
        `\n${title}\n${rows.map(({ name, rate }) => `  ${printableInLine(name).padEnd(26)} ${estimate(rate, 'share').padEnd(24)} n ${rate.n}${rate.unscored > 0 ? ` + ${rate.unscored} unscored` : ''}`).join('\n')}\n`;
      say(table(`Attack success by attack (severity ${config.curation.harmSeverity} or more)`, byAttack));
      say(table('By category', byCategory));
      const worst = [...findings]
        .sort((a: Finding, b: Finding) => (b.severity ?? 0) - (a.severity ?? 0))
        .slice(0, 10);
      say(`\n${findings.length} findings stored; the most severe:\n`);
      for (const finding of worst)
        say(
          `  ${finding.id}  severity ${finding.severity}  ${printableInLine(finding.category)}${finding.attack ? `, ${finding.attack}` : ''}\n`,
        );
      say(`Read one with: ${COMMAND} show ID\n`);
    });
}
