import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { configSchema } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import { writeWhole } from '../core/files.ts';
import { EXPLANATIONS, OPTIONAL } from './explanations.ts';
import { printJson, say } from './output.ts';

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keys with their comments, two spaces a level; JSON's scalars and lists are YAML's. */
function group(values: Record<string, unknown>, path: string, indent: string): string[] {
  const below = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const named = Object.keys(OPTIONAL)
    .filter((key) => key.slice(0, Math.max(0, key.lastIndexOf('.'))) === path)
    .map((key) => key.slice(key.lastIndexOf('.') + 1));
  const unset = named.flatMap((key) => [
    `${indent}# ${EXPLANATIONS[below(key)]}`,
    `${indent}# ${key}: ${OPTIONAL[below(key)]}`,
  ]);
  const set = Object.entries(values)
    .filter(([key]) => !named.includes(key))
    .flatMap(([key, value]) => [
      `${indent}# ${EXPLANATIONS[below(key)] ?? ''}`.trimEnd(),
      ...(isGroup(value)
        ? [`${indent}${key}:`, ...group(value, below(key), `${indent}  `)]
        : [`${indent}${key}: ${JSON.stringify(value)}`]),
    ]);
  return [...set, ...unset];
}

/** temper.yaml with every key, its default and what it does; nothing in it is of this machine. */
export const exampleConfig = (): string =>
  `${['# Configuration of temper: every key, with its default. Formats: docs/formats.md', ...group(configSchema.parse({}), '', '')].join('\n')}\n`;

export function initCommand(): Command {
  return new Command('init')
    .description('Write temper.yaml with every key, its default and what it does')
    .argument('[file]', 'where', 'temper.yaml')
    .option('--force', 'replace an existing file')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  temper init && temper run --config temper.yaml')
    .action((file: string, options: { force?: boolean; json?: boolean }) => {
      if (existsSync(file) && !options.force)
        throw new TemperError('usage', `${file} exists`, { hint: 'Use --force to replace it.' });
      writeWhole(file, exampleConfig());
      if (options.json) printJson({ file });
      else say(`${file} written\n`);
    });
}
