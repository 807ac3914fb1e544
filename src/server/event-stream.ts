/** A response of server-sent events, each a JSON value. */
const KEEP_ALIVE_MS = 15_000;

export const EVENT_STREAM = 'text/event-stream';

/**
 * `work` sends until it ends or `signal` says that the client has left. What it throws is sent as `{type: 'error'}` by
 * `failure`.
 */
export function eventStream<T>(
  signal: AbortSignal,
  work: (send: (event: T) => void, signal: AbortSignal) => Promise<void>,
  failure: (error: unknown) => T,
): Response {
  const encoder = new TextEncoder();
  const left = new AbortController();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (text: string): void => {
        if (!left.signal.aborted) controller.enqueue(encoder.encode(text));
      };
      const timer = setInterval(() => write(': still here\n\n'), KEEP_ALIVE_MS);
      const send = (event: T): void => write(`data: ${JSON.stringify(event)}\n\n`);
      const both = AbortSignal.any([signal, left.signal]);
      void work(send, both)
        .catch((error: unknown) => send(failure(error)))
        .finally(() => {
          clearInterval(timer);
          if (!left.signal.aborted) controller.close();
        });
    },
    cancel: () => left.abort(),
  });
  return new Response(stream, {
    headers: { 'content-type': `${EVENT_STREAM}; charset=utf-8`, 'cache-control': 'no-store' },
  });
}
