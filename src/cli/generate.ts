import { Command } from 'commander';
import { errorMessage, TemperError } from '../core/errors.ts';
import { readJsonl } from '../core/jsonl.ts';
import { EmbeddedTargets, locateModel } from '../loop/targets.ts';
import {
  type CommonOptions,
  configOf,
  inOrder,
  integer,
  JsonlWriter,
  real,
  withCommon,
  withProgress,
} from './context.ts';
import { conversationIn, idOf } from './records.ts';
import { targetSettings } from './target.ts';

interface GenerateOptions extends CommonOptions {
  readonly target: string;
  readonly adapter?: string;
  readonly out?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly batch: number;
}

export function generateCommand(): Command {
  return withCommon(new Command('generate'))
    .description('Answer prompts: one answer for each record, in order')
    .argument('<in.jsonl>', 'records {id, prompt | messages}')
    .requiredOption('--target <target>', '`embedded` (the default model) or the path of a GGUF file')
    .option('--adapter <directory>', 'a PEFT LoRA adapter')
    .option('--out <out.jsonl>', 'where to write (default: stdout)')
    .option('--max-tokens <n>', 'most tokens of an answer', integer, 256)
    .option('--temperature <t>', '0 = greedy', real, 0)
    .option('--top-p <p>', 'nucleus sampling', real, 1)
    .option('--seed <n>', 'of sampled answers', integer, 1)
    .option('--batch <n>', 'answers generated at once', integer, 48)
    .addHelpText(
      'after',
      '\nExample:\n  temper generate prompts.jsonl --target embedded --out answers.jsonl\n  temper generate prompts.jsonl --target embedded --adapter "$(temper show --latest-adapter)"',
    )
    .action(async (input: string, options: GenerateOptions) => {
      const config = configOf(options);
      await withProgress(async ({ emit, signal }) => {
        const total = await countLines(input);
        const { temperature, topP, maxTokens } = options;
        const settings = {
          ...targetSettings(options.target),
          adapter: options.adapter,
          temperature,
          topP,
          maxTokens,
          batch: Math.max(1, options.batch),
        };
        const file = await locateModel(settings, config.models, emit);
        await using targets = new EmbeddedTargets(file, settings);
        const target = await targets.base();
        await using out = new JsonlWriter(options.out);
        let done = 0;
        const answer = async ({ value }: { value: unknown }) => {
          const id = idOf(value);
          const conversation = conversationIn(value);
          if (typeof conversation === 'string') return { id, error: conversation };
          try {
            const { text, finish, tokens } = await target.respond(conversation.messages, {
              seed: options.seed,
              maxTokens,
              signal,
            });
            return { id, response: text, finish, tokens };
          } catch (error) {
            signal.throwIfAborted();
            if (error instanceof TemperError && error.code !== 'data') throw error;
            return { id, error: errorMessage(error) };
          }
        };
        for await (const record of inOrder(readJsonl(input), settings.batch * 2, answer)) {
          await out.write(record);
          emit({ type: 'progress', stage: 'generate', done: ++done, total, unit: 'records' });
        }
      });
    });
}

/** Checks the whole input before the work starts, so that a broken line costs nothing. */
async function countLines(path: string): Promise<number> {
  let count = 0;
  for await (const _ of readJsonl(path)) count++;
  return count;
}
