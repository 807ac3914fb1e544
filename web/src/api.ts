/** Calls of the API, typed by its routes, and their place in the cache. */
import { QueryClient, useMutation, useQuery, useQueryClient, keepPreviousData } from '@tanstack/react-query';
import type { ApiAnswer, ApiBody, ApiKey, ApiParams, ApiQuery } from '../../src/server/api.ts';

export interface ApiProblem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export class ApiError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly status: number;

  constructor({ code, message, hint }: ApiProblem, status: number) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.status = status;
  }
}

type Input<K extends ApiKey> = {
  readonly params?: ApiParams<K>;
  readonly query?: Partial<Record<string, string | number | boolean | undefined>> & Partial<ApiQuery<K>>;
  readonly body?: ApiBody<K>;
};

export function addressOf(path: string, params: object = {}, query: object = {}): string {
  const filled = path.replace(/:([a-z]+)/gi, (_, name: string) =>
    encodeURIComponent(String((params as Record<string, unknown>)[name])),
  );
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, String(value)]],
    ),
  ).toString();
  return search === '' ? filled : `${filled}?${search}`;
}

export async function request(address: string, method: string, body?: unknown, signal?: AbortSignal) {
  let response: Response;
  try {
    response = await fetch(address, {
      method,
      ...(signal ? { signal } : {}),
      ...(method === 'GET'
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body ?? {}) }),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(
      {
        code: 'unreachable',
        message: 'the server does not answer',
        hint: 'Is `temper serve` still running? Start it again and open the link that it prints.',
      },
      0,
    );
  }
  if (response.ok) return response;
  const { error } = (await response
    .json()
    .catch(() => ({ error: { code: 'internal', message: response.statusText } }))) as {
    error: ApiProblem;
  };
  throw new ApiError(error, response.status);
}

export async function call<K extends ApiKey>(
  key: K,
  input: Input<K> = {},
  signal?: AbortSignal,
): Promise<ApiAnswer<K>> {
  const [method = '', path = ''] = key.split(' ');
  const response = await request(addressOf(path, input.params, input.query), method, input.body, signal);
  return (await response.json()) as ApiAnswer<K>;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => count < 2 && error instanceof ApiError && error.status === 0,
    },
  },
});

/** What a GET gives; `keep`: what was there stays until the new is. */
export function useApi<K extends ApiKey>(
  key: K,
  input: Input<K> = {},
  options: { enabled?: boolean; keep?: boolean } = {},
) {
  return useQuery({
    queryKey: [key, input.params ?? null, input.query ?? null],
    queryFn: ({ signal }) => call(key, input, signal),
    enabled: options.enabled ?? true,
    ...(options.keep ? { placeholderData: keepPreviousData } : {}),
  });
}

/** A change; what is shown is asked again after it. */
export function useChange<K extends ApiKey>(key: K) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: Input<K>) => call(key, input),
    onSettled: () => client.invalidateQueries(),
  });
}

/** The events of a POST that answers with server-sent events. */
export async function* events<T>(address: string, body: unknown, signal: AbortSignal): AsyncGenerator<T> {
  const response = await request(address, 'POST', body, signal);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.startsWith('data: ')) yield JSON.parse(part.slice(6)) as T;
  }
}
