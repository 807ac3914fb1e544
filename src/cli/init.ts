import { existsSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { Document } from 'yaml';
import { configSchema } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';

export function initCommand(): Command {
  return new Command('init')
    .description('Write temper.yaml with every key and its default')
    .argument('[file]', 'where', 'temper.yaml')
    .option('--force', 'replace an existing file')
    .addHelpText('after', '\nExample:\n  temper init && temper run --config temper.yaml')
    .action((file: string, options: { force?: boolean }) => {
      if (existsSync(file) && !options.force)
        throw new TemperError('usage', `${file} exists`, { hint: 'Use --force to replace it.' });
      const document = new Document(configSchema.parse({}));
      document.commentBefore =
        ' Configuration of temper: every key, with its default. docs/formats.md says what each does.\n Another model: set target.path to a GGUF file.';
      writeFileSync(file, document.toString());
      process.stdout.write(`${file} written\n`);
    });
}
