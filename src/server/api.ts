/** The API as types, for the client: by method and path what a route takes and gives. */
import type { apiRoutes } from './app.ts';
import type { Parameters, Route } from './route.ts';

type Routes = ReturnType<typeof apiRoutes>[number];

type KeyOf<R> = R extends Route<infer M, infer P, infer _Q, infer _B, infer _R> ? `${M} ${P}` : never;
type Named<K> = Extract<
  Routes,
  {
    readonly method: K extends `${infer M} ${string}` ? M : never;
    readonly path: K extends `${string} ${infer P}` ? P : never;
  }
>;

export type ApiKey = KeyOf<Routes>;

export type ApiParams<K extends ApiKey> = K extends `${string} ${infer P}` ? Parameters<P> : never;
export type ApiQuery<K extends ApiKey> =
  NonNullable<Named<K>['query']> extends { readonly _zod: { readonly input: infer Q } } ? Q : undefined;
export type ApiBody<K extends ApiKey> =
  NonNullable<Named<K>['body']> extends { readonly _zod: { readonly input: infer B } } ? B : undefined;
export type ApiAnswer<K extends ApiKey> =
  NonNullable<Named<K>['response']> extends { readonly _zod: { readonly output: infer R } } ? R : undefined;
