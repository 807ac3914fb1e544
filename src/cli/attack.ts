import { Command } from 'commander';
import type { Finding } from '../core/records.ts';
import { campaign } from '../loop/run.ts';
import { estimate } from '../report/format.ts';
import { withCommon, withProgress } from './context.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

export function attackCommand(): Command {
  return withTarget(withCommon(new Command('attack')))
    .description('Run the adversarial dev scenarios, attacks included, and list what broke')
    .addHelpText(
      'after',
      '\nExamples:\n  temper attack\n  temper attack --target model.gguf --set suites.dev.adversarial=60 --json\n  temper attack --target ollama:llama3.2',
    )
    .action(async (options: TargetOptions) => {
      const config = targetConfig(options);
      const { findings, byAttack, byCategory } = await withProgress((tools) => campaign(config, tools));
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ findings, byAttack, byCategory })}\n`);
        return;
      }
      const table = (title: string, rows: typeof byAttack): string =>
        `\n${title}\n${rows.map(({ name, rate }) => `  ${name.padEnd(26)} ${estimate(rate, 'share').padEnd(24)} n ${rate.n}${rate.unscored > 0 ? ` + ${rate.unscored} unscored` : ''}`).join('\n')}\n`;
      process.stdout.write(
        table(`Attack success by attack (severity ${config.curation.harmSeverity} or more)`, byAttack),
      );
      process.stdout.write(table('By category', byCategory));
      const worst = [...findings]
        .sort((a: Finding, b: Finding) => (b.severity ?? 0) - (a.severity ?? 0))
        .slice(0, 10);
      process.stdout.write(`\n${findings.length} findings stored; the most severe:\n`);
      for (const finding of worst)
        process.stdout.write(
          `  ${finding.id}  severity ${finding.severity}  ${finding.category}${finding.attack ? `, ${finding.attack}` : ''}\n`,
        );
      process.stdout.write('Read one with: temper show ID\n');
    });
}
