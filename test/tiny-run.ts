/** A whole run of the tiny model in seconds: the settings that tests of runs share, as `path=value` of `--set`. */
import { join } from 'node:path';

/** `more` comes last, and so wins. */
export const tinyRun = (directory: string, model: string, more: readonly string[] = []): string[] => [
  `directory=${directory}`,
  `target.path=${model}`,
  'target.batch=8',
  'suites.dev.benign=40',
  'suites.dev.general=16',
  'suites.everyday=10',
  'suites.sealed.adversarial=20',
  'suites.sealed.benign=20',
  'suites.sealed.grounded=2',
  'suites.sealed.general=4',
  'curation.harmExamples=40',
  'training.sft.maxLength=1024',
  'training.dpo.maxLength=1024',
  'training.dpo.pairs.harm=4',
  'training.dpo.pairs.benign=4',
  'training.lora.rank=2',
  ...more,
];

/** Arguments of Node for a command of temper under these settings. */
export const commandLine = (settings: readonly string[], command: string, ...more: string[]): string[] => [
  '--disable-warning=ExperimentalWarning',
  join(import.meta.dirname, '..', 'src', 'cli', 'main.ts'),
  command,
  ...more,
  ...settings.flatMap((each) => ['--set', each]),
];
