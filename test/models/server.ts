/** A real local server that fails on schedule: what it does with a request is decided by the request and how often it came. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The last message of a chat completion, else the body. */
  readonly prompt: string;
  /** How often the same body came before. */
  readonly before: number;
}

export type Respond = (response: ServerResponse, seen: Seen) => void | Promise<void>;

export class LocalServer implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly #server: Server;
  inFlight = 0;
  mostInFlight = 0;

  private constructor(respond: Respond) {
    const times = new Map<string, number>();
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
      response.on('close', () => this.inFlight--);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const before = times.get(body) ?? 0;
        times.set(body, before + 1);
        const seen = {
          path: request.url ?? '',
          headers: request.headers,
          body,
          prompt: promptOf(body),
          before,
        };
        this.seen.push(seen);
        void respond(response, seen);
      });
    });
  }

  static async start(respond: Respond): Promise<LocalServer> {
    const server = new LocalServer(respond);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', 8192, resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function promptOf(body: string): string {
  try {
    const { messages } = JSON.parse(body) as { messages?: { content: string }[] };
    return messages?.at(-1)?.content ?? body;
  } catch {
    return body;
  }
}

export function json(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export const completion = (content: string, finish = 'stop') => ({
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: finish }],
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
});

/** What goes wrong, by name; each is the whole answer to one request. */
const FAILURES: Readonly<Record<string, Respond>> = {
  busy: (response) => json(response, { error: { message: 'slow down' } }, 429, { 'retry-after-ms': '30' }),
  '500': (response) => json(response, { error: { message: 'oops' } }, 500),
  gateway: (response) => {
    response.writeHead(502, { 'content-type': 'text/html' });
    response.end('<html><body>Bad <b>gateway</b></body></html>');
  },
  reset: (response) => void response.socket?.destroy(),
  cut: (response) => {
    const body = JSON.stringify(completion('never whole'));
    response.writeHead(200, { 'content-length': String(body.length) });
    response.write(body.slice(0, 20), () => response.socket?.destroy());
  },
  malformed: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"choices": [{"message": ');
  },
  shapeless: (response) => json(response, { hello: 'world' }),
  wrapped: (response) => json(response, { error: { code: 503, message: 'upstream is down' } }),
  hang: () => {},
  stall: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"choices"');
  },
  huge: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const chunk = Buffer.alloc(1 << 20, ' ');
    for (let i = 0; i < 10; i++) response.write(chunk);
    response.end();
  },
  'too-long': (response) =>
    json(response, { error: { message: 'context length', code: 'context_length_exceeded' } }, 400),
  filter: (response) =>
    json(
      response,
      {
        error: {
          message: 'filtered',
          code: 'content_filter',
          innererror: { code: 'ResponsibleAIPolicyViolation' },
        },
      },
      400,
    ),
  'filter-finish': (response) => json(response, completion('half an ans', 'content_filter')),
  echo: (response, { headers }) =>
    json(response, { error: { message: `bad header ${headers.authorization}` } }, 400),
};

/**
 * Chat completions: a prompt with `[fail:NAME:N]` fails that way the first N times it is asked, and is then answered like
 * any other; `[echo]` answers with the key it was sent.
 */
export const scheduled: Respond = async (response, seen) => {
  const [, name, times] = /\[fail:([\w-]+):(\d+)\]/.exec(seen.prompt) ?? [];
  const failure = name === undefined ? undefined : FAILURES[name];
  if (failure && seen.before < Number(times)) return failure(response, seen);
  if (seen.prompt.includes('[slow]')) await new Promise((resolve) => setTimeout(resolve, 120));
  const key = seen.prompt.includes('[echo]') ? ` ${seen.headers.authorization}` : '';
  json(response, completion(`answer to ${seen.prompt}${key}`));
};
