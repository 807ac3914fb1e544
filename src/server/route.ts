/** A route of the API: what it takes, checked; what it gives; and its part of the OpenAPI document. */
import { z } from 'zod';
import type { Role } from './accounts.ts';
import type { Person } from './person.ts';

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
  readonly person: Person;
  /** The session's secret. */
  readonly session: string;
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
  /** The least role that may. */
  readonly needs: Role;
  /** Whether the audit log has it. */
  readonly logged: boolean;
  // A method, so that routes of different inputs fit one list.
  handle(input: Input<P, Q, B>): R | Response | Promise<R | Response>;
}

/** Whoever may look may read, unless a route says otherwise; of a change each route says who may. */
type Needs<M extends Method> = M extends 'GET' ? { readonly needs?: Role } : { readonly needs: Role };

interface Specification<M extends Method, P extends string, Q, B, R> {
  readonly method: M;
  readonly path: P;
  readonly summary: string;
  readonly query?: z.ZodType<Q>;
  readonly body?: z.ZodType<B>;
  readonly response?: z.ZodType<R>;
  readonly media?: string;
  /** Default: what is no GET. */
  readonly logged?: boolean;
}

/** Makes the routes of one part of the API. */
export const routesOf =
  (tag: string) =>
  <const M extends Method, const P extends string, Q = undefined, B = undefined, R = unknown>(
    specification: Specification<M, P, Q, B, R> & Needs<M>,
    handle: (input: Input<P, Q, B>) => NoInfer<R> | Response | Promise<NoInfer<R> | Response>,
  ): Route<M, P, Q, B, R> => ({
    query: undefined,
    body: undefined,
    response: undefined,
    media: undefined,
    needs: 'viewer',
    logged: specification.method !== 'GET',
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
