/** A benchmark's file from the Hugging Face hub, where the configuration or the command names it. Kept, and not fetched again. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorMessage, TemperError } from '../../core/errors.ts';
import { writeWhole } from '../../core/files.ts';
import type { Benchmark } from './benchmark.ts';

const DEFAULT_HUB = 'https://huggingface.co';
const TIMEOUT_MS = 300_000;
const MOST_BYTES = 256 << 20;

export interface HubOptions {
  /** Folder that keeps it. */
  readonly folder: string;
  /** Base address of the hub. */
  readonly hub?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Path of the file. Errors: `config` where the hub does not have it, `network`, `resource`. */
export async function fetchBenchmark(
  name: string,
  { hub: place, source, title }: Benchmark,
  { folder, hub = DEFAULT_HUB, signal }: HubOptions,
): Promise<string> {
  if (!place)
    throw new TemperError('config', `${title} is not on the hub`, {
      hint: `Give its file with --data PATH. It is published at ${source}`,
    });
  const path = join(folder, `${name}-${basename(place.file)}`);
  if (existsSync(path)) return path;
  const address = `${hub}/datasets/${place.repository}/resolve/main/${place.file}`;
  try {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(address, { signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
    if (!response.ok || !response.body)
      throw new Error(`it answered ${response.status} ${response.statusText}`);
    writeWhole(path, await whole(response.body));
    return path;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TemperError) throw error;
    const reason = (error as Error).cause ?? error;
    throw new TemperError('network', `cannot fetch ${address}: ${errorMessage(reason)}`, {
      hint: `Give the file with --data PATH. It is published at ${source}`,
      cause: error,
    });
  }
}

async function whole(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
