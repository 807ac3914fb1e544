/** A client of the app as a script is one: the link gives a cookie, and every header can be set. */
import { request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
}

export interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function ask(
  port: number,
  path: string,
  { method = 'GET', body, headers = {} }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const call = request(
      {
        host: '127.0.0.1',
        agent: false,
        port,
        path,
        method,
        headers: {
          ...(sent === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: <T>() => JSON.parse(text) as T,
          });
        });
      },
    );
    call.on('error', reject);
    call.end(sent);
  });
}

/** The cookie that a link gives. */
export async function letIn(port: number, link: string): Promise<string> {
  const { pathname, search } = new URL(link);
  const { headers } = await ask(port, pathname + search);
  return String(headers['set-cookie']).split(';')[0]!;
}
