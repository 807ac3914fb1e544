import { Command } from 'commander';
import { type Config, decodingShape } from '../config/config.ts';
import { errorMessage, TemperError } from '../core/errors.ts';
import { STDIN } from '../core/jsonl.ts';
import type { Message } from '../core/records.ts';
import { rng } from '../core/rng.ts';
import type { Target } from '../models/target.ts';
import { Callers } from '../loop/callers.ts';
import { openTargets } from '../loop/remote-targets.ts';
import { bounded, inOrder, integer, withCommon, withProgress } from './context.ts';
import { JsonlInput } from './input.ts';
import { checkOutput, JsonlWriter, printJson, refuseSameFile, refuseSharedStdout } from './output.ts';
import { conversationIn, idOf } from './records.ts';
import { targetConfig, type TargetOptions, withTarget } from './target.ts';

interface GenerateOptions extends TargetOptions {
  readonly out?: string;
  readonly keep?: boolean;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed: number;
  readonly batch?: number;
}

/** Where neither the options nor the configuration say otherwise. */
const DEFAULTS = { maxTokens: 256, batch: 48 };

/** The configuration with the target that is meant, and what the options say of it. */
function configured(options: GenerateOptions): Config {
  const config = targetConfig(options, DEFAULTS);
  const { temperature, topP, maxTokens, batch } = options;
  const given = Object.entries({ temperature, topP, maxTokens, batch }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...config, target: { ...config.target, ...Object.fromEntries(given) } };
}

export function generateCommand(): Command {
  return withTarget(withCommon(new Command('generate')))
    .description('Answer prompts: one answer for each record, in order')
    .argument('<in.jsonl>', 'records {id, prompt | messages}; - for stdin')
    .option('--out <out.jsonl>', 'where to write (default: stdout)')
    .option('--keep', 'copy the fields of the input record, so that `temper judge` can read the output')
    .option(
      '--max-tokens <n>',
      'most tokens of an answer (default: as configured, or 256)',
      bounded(decodingShape.maxTokens),
    )
    .option(
      '--temperature <t>',
      '0 = greedy (default: as configured, or 0)',
      bounded(decodingShape.temperature),
    )
    .option('--top-p <p>', 'nucleus sampling (default: as configured, or 1)', bounded(decodingShape.topP))
    .option('--seed <n>', 'of sampled answers', integer, 1)
    .option(
      '--batch <n>',
      'answers that the embedded engine generates at once (default: as configured, or 48)',
      bounded(decodingShape.batch),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  temper generate prompts.jsonl --out answers.jsonl\n  temper generate prompts.jsonl --adapter "$(temper show --latest-adapter)"\n  temper generate prompts.jsonl --target openai-compatible:NAME --base-url http://localhost:8000/v1',
    )
    .action(async (input: string, options: GenerateOptions) => {
      refuseSharedStdout(options.json, options.out);
      refuseSameFile(input, options.out);
      checkOutput(options.out);
      const config = configured(options);
      const { system, maxTokens, batch } = config.target;
      const counts = await withProgress(async ({ emit, signal }) => {
        using lines = await JsonlInput.open(input, signal);
        await refuseSameIds(lines, input);
        using callers = new Callers(config, { emit });
        await using targets = await openTargets(config, callers);
        const target = await targets.base();
        using out = new JsonlWriter(options.out);
        const width = targets.weights ? batch * 2 : targets.concurrency * 2;
        const done = { records: 0, errors: 0, blocked: 0, tokens: 0 };
        const job = async ({ value }: { value: unknown }, stopped: AbortSignal) => ({
          value,
          record: await answer(target, value, {
            seed: options.seed,
            system,
            maxTokens,
            signal: AbortSignal.any([signal, stopped]),
          }),
        });
        for await (const { value, record } of inOrder(lines.records(), width, job)) {
          out.write(options.keep && isObject(value) ? { ...asked(value), ...record } : record);
          done.records++;
          if ('error' in record) done.errors++;
          else if ('blocked' in record) done.blocked++;
          else done.tokens += record.tokens;
          emit({
            type: 'progress',
            stage: 'generate',
            done: done.records,
            total: lines.count,
            unit: 'records',
          });
        }
        return targets.weights ? done : { ...done, usage: callers.usage };
      }, 'The output so far is kept.');
      if (options.json) printJson(counts);
    });
}

/** Errors: `data`, for an id that an earlier line has: its answer could not be told from the other's. */
async function refuseSameIds(lines: JsonlInput, name: string): Promise<void> {
  const seen = new Map<string, number>();
  for await (const { value, line } of lines.records()) {
    const id = idOf(value);
    if (id === null) continue;
    const key = JSON.stringify(id);
    const before = seen.get(key);
    if (before !== undefined)
      throw new TemperError(
        'data',
        `${name === STDIN ? 'stdin' : name}, line ${line}: the id ${key.slice(0, 80)} stands in line ${before} already`,
        { hint: 'Give each record an id of its own: samples of one prompt differ by it.' },
      );
    seen.set(key, line);
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What `generate` says of a record, so none of it may come from the input: an old answer beside a new error. */
const SAID = new Set(['response', 'finish', 'tokens', 'blocked', 'error']);

/** The fields of an input record that `--keep` keeps. */
const asked = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !SAID.has(key)));

/** One record's answer, or what was wrong with it. Errors that are not of this record alone are thrown. */
async function answer(
  target: Target,
  record: unknown,
  options: { seed: number; system: string | undefined; maxTokens: number; signal: AbortSignal },
) {
  const id = idOf(record);
  const conversation = conversationIn(record);
  if (typeof conversation === 'string') return { id, error: conversation };
  const { system, maxTokens, signal } = options;
  // A record may bring a system prompt of its own.
  const own = system === undefined || conversation.messages[0]?.role === 'system';
  const messages: readonly Message[] = own
    ? conversation.messages
    : [{ role: 'system', content: system }, ...conversation.messages];
  try {
    // The seed covers the id, so that records with the same prompt are samples of their own, in whatever file they are.
    const seed = rng('generate', options.seed, id).int(2 ** 31);
    const reply = await target.respond(messages, { seed, maxTokens, signal });
    const { text, finish, tokens, reason } = reply;
    if (finish === 'blocked') return { id, finish, blocked: reason ?? 'content filter' };
    return { id, response: text, finish, tokens };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TemperError && error.code !== 'data') throw error;
    return { id, error: errorMessage(error) };
  }
}
