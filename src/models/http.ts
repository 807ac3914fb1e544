/**
 * The one door through which calls leave: only to the hosts it was made for, no redirects, bounded in time and size.
 * On `node:http` with connections kept alive: half the time of `fetch` for each call (docs/decisions/0008).
 */
import http from 'node:http';
import https from 'node:https';
import { APICallError } from '@ai-sdk/provider';
import { TemperError } from '../core/errors.ts';

export interface HttpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpLimits {
  /** Longest silence before and within an answer. */
  readonly silenceMs: number;
  readonly totalMs: number;
  readonly maxBytes: number;
}

/** The longest answer that is read: a hundred times what a model says. */
export const MAX_RESPONSE_BYTES = 8 << 20;

/** Of an error's body, characters. */
const MAX_ERROR_BODY = 16_000;

/** An answer that did not come in time. */
export class CallTimeout extends Error {
  override readonly name = 'CallTimeout';
}

/** An answer that is longer than the limit. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

export class HttpClient implements Disposable {
  readonly #hosts: ReadonlySet<string>;
  readonly #limits: HttpLimits;
  // The limiter decides how many are in flight; the agents only keep what is open.
  readonly #agents = {
    'http:': new http.Agent({ keepAlive: true, scheduling: 'lifo' }),
    'https:': new https.Agent({ keepAlive: true, scheduling: 'lifo' }),
  };

  /** `hosts`: `name` or `name:port`, as URLs write them. */
  constructor(hosts: Iterable<string>, limits: HttpLimits) {
    this.#hosts = new Set(hosts);
    this.#limits = limits;
  }

  /**
   * The response, whatever its status. Errors: `APICallError` if the connection fails or the answer is cut,
   * `CallTimeout`, `BodyTooLarge`, the signal's reason, and a `config` error for a host that was not named and for
   * what no request can be made of.
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url);
    if (!this.#hosts.has(url.host) || !(url.protocol in this.#agents))
      throw new TemperError(
        'config',
        `a call to ${url.protocol}//${url.host} was stopped: the configuration does not name it`,
        {
          hint: 'Name it with target.baseUrl.',
        },
      );
    return await this.#once(url, request);
  }

  #once(url: URL, { method, headers, body, signal }: HttpRequest): Promise<HttpResponse> {
    const { silenceMs, totalMs, maxBytes } = this.#limits;
    return new Promise((resolve, reject) => {
      const module = url.protocol === 'https:' ? https : http;
      const agent = this.#agents[url.protocol as 'http:' | 'https:'];
      const length = String(Buffer.byteLength(body));
      // It may throw, so nothing is under way yet.
      const request = makeRequest(() =>
        module.request(url, {
          method,
          agent,
          headers: { ...headers, 'content-length': length, 'accept-encoding': 'identity' },
          ...(signal ? { signal } : {}),
        }),
      );
      let silence: NodeJS.Timeout | undefined;
      const end = (error: Error): void => {
        clearTimeout(total);
        clearTimeout(silence);
        reject(signal?.aborted ? (signal.reason as Error) : error);
        request.destroy();
      };
      const failed = (cause: NodeJS.ErrnoException): void => end(connectionError(url, cause));
      const hear = (): void => {
        clearTimeout(silence);
        silence = setTimeout(() => end(new CallTimeout(`no byte for ${silenceMs / 1000} s`)), silenceMs);
      };
      const total = setTimeout(() => end(new CallTimeout(`no whole answer in ${totalMs / 1000} s`)), totalMs);
      hear();
      request.on('error', failed);
      request.on('response', (response) => {
        const status = response.statusCode ?? 0;
        const chunks: Buffer[] = [];
        let bytes = 0;
        hear();
        response.on('data', (chunk: Buffer) => {
          hear();
          bytes += chunk.length;
          if (bytes > maxBytes) end(new BodyTooLarge(`an answer of more than ${maxBytes} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', failed);
        response.on('end', () => {
          clearTimeout(total);
          clearTimeout(silence);
          resolve({ status, headers: plain(response.headers), body: Buffer.concat(chunks).toString('utf8') });
        });
      });
      request.end(body);
    });
  }

  /** `fetch` through this door, for the AI SDK's providers. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const { body } = init ?? {};
    if (body !== undefined && body !== null && typeof body !== 'string' && !(body instanceof Uint8Array))
      throw new TypeError('only text and bytes are sent');
    const {
      status,
      headers,
      body: text,
    } = await this.send({
      url,
      method: init?.method ?? 'GET',
      headers: Object.fromEntries(new Headers(init?.headers)),
      body: body ?? '',
      signal: init?.signal ?? undefined,
    });
    return new Response(status === 204 || status === 304 ? null : text, { status, headers });
  };

  [Symbol.dispose](): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }
}

/** Errors: `config` for a header that cannot be sent; its value is in no message. */
function makeRequest(make: () => http.ClientRequest): http.ClientRequest {
  try {
    return make();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new TemperError('config', `a request cannot be made: ${message}`, {
      hint: 'Check target.headers and the variable of the key.',
    });
  }
}

/** What is wrong with a header, or null. */
export function headerProblem(name: string, value: string): string | null {
  try {
    http.validateHeaderName(name);
  } catch {
    return 'This is no name of a header: it holds a character that none may have';
  }
  try {
    http.validateHeaderValue(name, value);
    return null;
  } catch {
    return 'The value holds a character that no header may have, perhaps an invisible one or a line break';
  }
}

function plain(headers: http.IncomingHttpHeaders): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) all[name] = Array.isArray(value) ? value.join(', ') : value;
  return all;
}

const connectionError = (url: URL, cause: NodeJS.ErrnoException): APICallError =>
  new APICallError({
    message: `the connection to ${url.host} failed (${cause.code ?? cause.message})`,
    url: url.origin,
    requestBodyValues: {},
    isRetryable: true,
    cause,
  });

/** An error for a response whose status is not one of success; its body is kept, bounded. */
export const statusError = (url: string, { status, headers, body }: HttpResponse): APICallError =>
  new APICallError({
    message: `HTTP ${status}`,
    url,
    requestBodyValues: {},
    statusCode: status,
    responseHeaders: headers,
    responseBody: body.slice(0, MAX_ERROR_BODY),
  });

/** The JSON value of an answer. Errors: an `APICallError` that says what is not valid. */
export function parseAnswer(url: string, text: string, what = 'the answer'): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw malformed(url, `${what} is not valid JSON`);
  }
}

/** A success whose body is not what was asked for. */
export const malformed = (url: string, what: string): APICallError =>
  new APICallError({ message: what, url, requestBodyValues: {}, statusCode: 200, isRetryable: true });
