/** A local program as a model: started for each call, without a shell; the request on stdin, the answer on stdout. */
import { spawn } from 'node:child_process';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { delimiter, resolve, sep } from 'node:path';
import {
  APICallError,
  type LanguageModelV4CallOptions,
  type LanguageModelV4GenerateResult,
} from '@ai-sdk/provider';
import { TemperError } from '../core/errors.ts';
import { sha256 } from '../core/ids.ts';
import { BodyTooLarge, CallTimeout, type HttpLimits, malformed, parseAnswer } from './http.ts';
import { templateValues } from './http-model.ts';
import { blockedResult, ownFinish, WholeAnswerModel, textResult } from './messages.ts';
import type { CommandSettings } from './settings.ts';

export interface CommandModelOptions {
  readonly modelId: string;
  readonly settings: CommandSettings;
  /** All that the program sees of the environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: Pick<HttpLimits, 'totalMs' | 'maxBytes'>;
}

const MAX_ERROR_CHARACTERS = 500;
const KILL_AFTER_MS = 2000;
const MAX_HASHED_BYTES = 64 << 20;

export class CommandModel extends WholeAnswerModel {
  readonly provider = 'command';
  readonly #options: CommandModelOptions;

  constructor(options: CommandModelOptions) {
    super(options.modelId);
    this.#options = options;
  }

  /**
   * Errors: `APICallError` if the program ends with another status than 0 or prints no answer, `CallTimeout`,
   * `BodyTooLarge`, the signal's reason; a `config` error if it cannot be started.
   */
  async doGenerate(call: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const values = templateValues(this.modelId, call);
    const asJson = this.#options.settings.format === 'json';
    const output = await this.#run(asJson ? `${JSON.stringify(values)}\n` : values.prompt, call.abortSignal);
    const unknown = { input: undefined, output: undefined };
    if (!asJson) return textResult(output.replace(/\r?\n$/, ''), ownFinish(undefined), unknown);
    const printed = 'what the command prints';
    const answer = parseAnswer('', output, printed) as { text?: unknown; finish?: unknown } | null;
    if (answer?.finish === 'blocked') return blockedResult('blocked');
    if (typeof answer?.text !== 'string') throw malformed('', `${printed} has no 'text'`);
    const raw = typeof answer.finish === 'string' ? answer.finish : undefined;
    return textResult(answer.text, ownFinish(raw), unknown);
  }

  #run(input: string, signal: AbortSignal | undefined): Promise<string> {
    const { settings, limits, environment } = this.#options;
    const [program, ...args] = settings.run as [string, ...string[]];
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment });
      const chunks: Buffer[] = [];
      let bytes = 0;
      let errors = '';
      let killer: NodeJS.Timeout | undefined;
      const stop = (error: Error): void => {
        reject(error);
        // A grandchild may hold these open after the program has ended.
        child.stdout.destroy();
        child.stderr.destroy();
        child.kill('SIGTERM');
        killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      };
      const abort = (): void => stop(signal?.reason as Error);
      const timer = setTimeout(
        () => stop(new CallTimeout(`the command took more than ${limits.totalMs / 1000} s`)),
        limits.totalMs,
      );
      signal?.addEventListener('abort', abort, { once: true });
      child.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > limits.maxBytes)
          stop(new BodyTooLarge(`the command prints more than ${limits.maxBytes} bytes`));
        else chunks.push(chunk);
      });
      child.stderr.on(
        'data',
        (chunk: Buffer) => (errors = `${errors}${String(chunk)}`.slice(-MAX_ERROR_CHARACTERS)),
      );
      // A program that ends without reading its input is judged by how it ends.
      child.stdin.on('error', () => {});
      child.on('error', (cause) =>
        reject(
          new TemperError('config', `the command '${program}' cannot be started: ${cause.message}`, {
            hint: 'Check target.command.run: a program and its arguments, without a shell.',
            cause,
          }),
        ),
      );
      child.on('close', (code, killedBy) => {
        clearTimeout(timer);
        clearTimeout(killer);
        signal?.removeEventListener('abort', abort);
        if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
        else {
          const last = errors.trim().split('\n').at(-1) ?? '';
          reject(failed(`the command ended with ${killedBy ?? code}${last === '' ? '' : `: ${last}`}`));
        }
      });
      child.stdin.end(input);
    });
  }
}

/**
 * What a command's answers follow from, as far as it can be seen: its settings, the program that is found for it, and
 * every argument that is a file (`bot.py`, `--model=bot.gguf`), by content. `path`: where programs are looked for.
 */
export function commandIdentity(settings: CommandSettings, path: string): unknown {
  const [program, ...args] = settings.run as [string, ...string[]];
  const found = findProgram(program, path);
  return {
    ...settings,
    program: found && { path: found, content: contentOf(found) },
    files: args.map(
      (argument) => contentOf(argument) ?? contentOf(argument.slice(argument.indexOf('=') + 1)),
    ),
  };
}

function findProgram(program: string, path: string): string | null {
  const places = program.includes(sep) ? [''] : path.split(delimiter).filter((place) => place !== '');
  for (const place of places) {
    const candidate = resolve(place, program);
    if (statSync(candidate, { throwIfNoEntry: false })?.isFile() === true) return realpathSync(candidate);
  }
  return null;
}

/** The hash of a file; of one that is too large to read for this, its size and when it was changed; null for no file. */
function contentOf(path: string): string | null {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return null;
    const { size, mtimeMs } = stat;
    return size > MAX_HASHED_BYTES ? `${size}@${mtimeMs}` : sha256(readFileSync(path));
  } catch {
    return null;
  }
}

/** A program may fail once: the call is made again. */
const failed = (message: string): APICallError =>
  new APICallError({ message, url: '', requestBodyValues: {}, isRetryable: true });
