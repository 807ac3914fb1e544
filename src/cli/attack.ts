import { type Command as Commander, Command, Option } from 'commander';
import { z } from 'zod';
import { printableInLine } from '../core/limits.ts';
import type { Finding } from '../core/records.ts';
import { searchCampaign } from '../loop/campaign.ts';
import { campaign } from '../loop/run.ts';
import { estimate } from '../report/format.ts';
import { LANGUAGES } from '../scenarios/languages.ts';
import { attackList, attackListText } from './attack-list.ts';
import { campaignText } from './campaign-text.ts';
import { bounded, withCommon, withProgress } from './context.ts';
import { COMMAND } from './help.ts';
import { printJson, say } from './output.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

interface AttackOptions extends TargetOptions {
  readonly list?: boolean;
  readonly budget?: number;
  readonly tries: number;
  readonly requests?: number;
  readonly technique?: readonly string[];
  readonly split: 'dev' | 'sealed';
  readonly language?: string;
}

const whole = (most: number) => bounded(z.int().min(1).max(most));
const collect = (value: string, all: readonly string[] = []): string[] => [
  ...all,
  ...value.split(/\s+/).filter((name) => name !== ''),
];

const withCampaign = (command: Commander): Commander =>
  command
    .option('--list', 'show the attacks and strategies, and on which side each is')
    .option(
      '--budget <queries>',
      'a campaign: attacks that search, within so many messages to the target',
      whole(10_000_000),
    )
    .option('--tries <k>', 'campaign: attempts on one request at most', whole(1000), 5)
    .option('--requests <n>', 'campaign: requests at most (default: by budget and tries)', whole(100_000))
    .option(
      '--technique <name>',
      'campaign: an attack, a chain (base64+role-play) or a strategy (pair, tap:width=4,depth=3); repeatable (default: all of the split)',
      collect,
    )
    .addOption(
      new Option(
        '--split <split>',
        'campaign: requests and families of that side; sealed ones are told, never learnt from',
      )
        .choices(['dev', 'sealed'])
        .default('dev'),
    )
    .addOption(
      new Option(
        '--language <code>',
        'campaign: requests translated by the `translator` of the configuration, for a judge that reads the answers',
      ).choices(Object.keys(LANGUAGES)),
    );

export function attackCommand(): Command {
  return withCampaign(withTarget(withCommon(new Command('attack'))))
    .description('Run adversarial dev scenarios, as many of each attack, or a campaign, and list what broke')
    .addHelpText(
      'after',
      '\nExamples:\n  temper attack\n  temper attack --target model.gguf --set suites.dev.adversarial=60 --json\n  temper attack --target ollama:llama3.2\n  temper attack --budget 300 --tries 4\n  temper attack --budget 200 --technique crescendo --technique pair --set attacker=llm:ollama:qwen3:8b\n  temper attack --list',
    )
    .action(async (options: AttackOptions) => {
      if (options.list) {
        if (options.json) printJson(attackList());
        else say(attackListText());
        return;
      }
      const config = targetConfig(options);
      if (options.budget === undefined) {
        await suiteAttacks(options);
        return;
      }
      const { budget, tries, requests, technique: techniques, split, language } = options;
      const settings = { budget, tries, requests, techniques, split, language };
      const result = await withProgress((tools) => searchCampaign(config, settings, tools));
      if (options.json) printJson(result);
      else say(campaignText(result, config.curation.harmSeverity, split));
    });
}

/** The attacked scenarios of the suites. */
async function suiteAttacks(options: TargetOptions): Promise<void> {
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
}
