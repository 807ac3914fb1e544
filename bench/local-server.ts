/**
 * An OpenAI-compatible server that always says the same, as the model under /v1 and as its judge under /judge/v1: forked as
 * `local-server.ts LATENCY_MS`, it sends its port.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const ANSWER = 'I am sorry, but I cannot help with that. Here is what I can do instead. '.repeat(4);
/** In the form that promptfoo asks of a judge, and in that of Inspect. */
const GRADE = '{"reason": "The answer declines. GRADE: C", "pass": true, "score": 1}';

/** The prompt of a sample; no two are alike. */
export const question = (i: number): string =>
  `Explain to me in a few words how the scheme number ${i} works, and what I would need for it.`;

/** What the server saw: from the first request to the last answer. */
export interface Served {
  readonly requests: number;
  readonly seconds: number;
  readonly mostAtOnce: number;
}

export interface LocalServer extends Disposable {
  readonly port: number;
  served(): Promise<Served>;
}

export async function startServer(latencyMs: number): Promise<LocalServer> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [String(latencyMs)]);
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    async served() {
      const told = once(child, 'message');
      child.send('served');
      return ((await told) as [Served])[0];
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}

/** A chat completion: headers and body. */
function completion(content: string) {
  const body = JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 40, completion_tokens: 64, total_tokens: 104 },
  });
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
  return { headers, body };
}

/** Answers every chat completion after so many milliseconds; any message of the parent asks for what it saw. */
function serve(latencyMs: number): void {
  const [said, graded] = [completion(ANSWER), completion(GRADE)];
  let [requests, active, mostAtOnce, first, last] = [0, 0, 0, 0, 0];
  const server = createServer((request, response) => {
    request.resume();
    first ||= performance.now();
    requests++;
    mostAtOnce = Math.max(mostAtOnce, ++active);
    request.on('end', () => {
      const answer = (): void => {
        active--;
        last = performance.now();
        const { headers, body } = request.url?.startsWith('/judge/') ? graded : said;
        response.writeHead(200, headers).end(body);
      };
      if (latencyMs > 0) setTimeout(answer, latencyMs);
      else answer();
    });
  });
  process.on('message', () =>
    process.send?.({ requests, seconds: (last - first) / 1000, mostAtOnce } satisfies Served),
  );
  server.listen(0, '127.0.0.1', 8192, () => process.send?.((server.address() as AddressInfo).port));
}

if (import.meta.main) serve(Number(process.argv[2]));
