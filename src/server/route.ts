/** A route of the API: what it takes, checked; what it gives; and its part of the OpenAPI document. */
import { z } from 'zod';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

type ParameterNames<P extends string> = P extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParameterNames<`/${Rest}`>
  : P extends `${string}:${infer Name}`
    ? Name
    : never;

export type Parameters<P extends string> = { readonly [K in ParameterNames<P>]: string };

export interface Input<P extends string, Q, B> {
  readonly params: Parameters<P>;
  readonly query: Q;
  readonly body: B;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** What a route gives: a value sent as JSON, or a response of its own. */
export interface Route<
  M extends Method = Method,
  P extends string = string,
  Q = unknown,
  B = unknown,
  R = unknown,
> {
  readonly method: M;
  readonly path: P;
  readonly summary: string;
  readonly tag: string;
  readonly query: z.ZodType<Q> | undefined;
  readonly body: z.ZodType<B> | undefined;
  readonly response: z.ZodType<R> | undefined;
  /** Media type of what is no JSON. */
  readonly media: string | undefined;
  // A method, so that routes of different inputs fit one list.
  handle(input: Input<P, Q, B>): R | Response | Promise<R | Response>;
}

interface Specification<M extends Method, P extends string, Q, B, R> {
  readonly method: M;
  readonly path: P;
  readonly summary: string;
  readonly query?: z.ZodType<Q>;
  readonly body?: z.ZodType<B>;
  readonly response?: z.ZodType<R>;
  readonly media?: string;
}

/** Makes the routes of one part of the API. */
export const routesOf =
  (tag: string) =>
  <const M extends Method, const P extends string, Q = undefined, B = undefined, R = unknown>(
    specification: Specification<M, P, Q, B, R>,
    handle: (input: Input<P, Q, B>) => NoInfer<R> | Response | Promise<NoInfer<R> | Response>,
  ): Route<M, P, Q, B, R> => ({
    query: undefined,
    body: undefined,
    response: undefined,
    media: undefined,
    ...specification,
    tag,
    handle,
  });

/** A record whose fields docs/formats.md lists. */
export const record = <T>(description: string) => z.custom<T>().describe(description);

/** An id or name in a path. */
// oxlint-disable-next-line no-control-regex
export const NAME = /^[^\u0000-\u001F/\\]{1,200}$/;

export const ok = z.object({ ok: z.literal(true) });
export const author = z.string().trim().min(1).max(80).describe('name of the person who does it');
/** Text that a person writes. */
export const text = (most: number) => z.string().max(most);
