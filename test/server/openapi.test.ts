/** Requests that fit the OpenAPI document, with ids of the store, and near misses: no status that the document does not name. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { serve, type Server } from '../../src/server/serve.ts';
import { makeWebStore, type WebStore } from '../web-store.ts';
import { type Answer, ask, type Ask, letIn } from './client.ts';

/** The part of JSON Schema that the document uses. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Operation {
  readonly parameters: readonly { name: string; in: string; required: boolean; schema: Schema }[];
  readonly requestBody?: { content: { 'application/json': { schema: Schema } } };
  readonly responses: Readonly<Record<string, unknown>>;
}

const directory = mkdtempSync(join(tmpdir(), 'temper-openapi-'));
const client = join(directory, 'client');
mkdirSync(client);
writeFileSync(join(client, 'index.html'), '<!doctype html>');
const errors: unknown[] = [];
let store: WebStore;
let server: Server;
let cookie: string;
let ids: readonly string[];

const api = (path: string, options: Ask = {}): Promise<Answer> =>
  ask(server.port, path, { ...options, headers: { cookie, ...options.headers } });

beforeAll(async () => {
  store = makeWebStore(join(directory, 'store'), { cases: 40 });
  server = await serve({
    config: store.config,
    command: [process.execPath, '-e', 'process.exit(3)', '--'],
    port: 0,
    client,
    version: '0',
    onLink: () => {},
    onError: (error) => errors.push(error),
  });
  cookie = await letIn(server.port, server.link);
  await vi.waitFor(
    async () =>
      expect((await api('/api/conversations')).json<{ total: number }>().total).toBe(store.conversations),
    { timeout: 60_000 },
  );
  const begin = async (path: string, body: object): Promise<string> =>
    (await api(path, { method: 'POST', body: { ...body, author: 'a' } })).json<{ subject: string }>().subject;
  const { findings } = (await api('/api/findings')).json<{
    findings: { id: string; conversation: string }[];
  }>();
  const { datasets } = (await api('/api/datasets')).json<{ datasets: { id: string }[] }>();
  const campaign = await begin('/api/console/campaigns', { title: 't' });
  const session = await begin('/api/console/sessions', { campaign });
  const [found] = findings;
  ids = [store.run, found!.id, found!.conversation, datasets[0]!.id, campaign, session];
}, 90_000);
afterAll(() => server[Symbol.asyncDispose]());

const KNOWN = ['base', 'fraud', 'severity', 'verify: before', 'crescendo', 'base64', 'a'] as const;
const ODD = ['', '0', '-1', '1e9', 'null', "';--", '%', '"', '\u0000', 'e\u0301', '../x'] as const;

/** A value that fits a schema; texts are often of those that the store knows. */
function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return fc.oneof(...either.map(fitting));
  const {
    minimum = -1000,
    maximum = 1000,
    minLength = 0,
    maxLength = 40,
    minItems = 0,
    maxItems = 4,
  } = schema;
  switch (schema.type) {
    case 'string':
      return fc.oneof(
        fc
          .constantFrom(...ids, ...KNOWN, ...ODD)
          .filter(({ length }) => length >= minLength && length <= maxLength),
        fc.string({ unit: 'grapheme', minLength, maxLength: Math.max(minLength, Math.min(maxLength, 40)) }),
      );
    case 'integer':
      return fc.integer({ min: Math.max(minimum, -1e6), max: Math.min(maximum, 1e6) });
    case 'number':
      return fc.double({ min: minimum, max: maximum, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(fitting(schema.items ?? {}), { minLength: minItems, maxLength: Math.min(maxItems, 4) });
    case 'object':
      return fc.record(
        Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, of]) => [name, fitting(of)])),
        { requiredKeys: [...(schema.required ?? [])] },
      );
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** Fits, or is one wrong part away from it. */
const near = (schema: Schema): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 4, arbitrary: fitting(schema) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fitting(schema), fc.constantFrom('', ...Object.keys(schema.properties ?? {})), fc.jsonValue())
        .map(([value, name, wrong]) =>
          typeof value === 'object' && value !== null ? { ...value, [name]: wrong } : wrong,
        ),
    },
  );

test('every status is one that the document names', { timeout: 240_000 }, async () => {
  const { paths } = (await api('/api/openapi.json')).json<{
    paths: Record<string, Record<string, Operation>>;
  }>();
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  expect(operations.length).toBeGreaterThan(40);
  const reached = new Set<string>();
  for (const { path, method, operation } of operations) {
    // It never ends; it would open a model; it would end the session.
    if (path === '/api/live' || path.endsWith('/ask') || path === '/api/me/leave') continue;
    const parameters = fc.record(
      Object.fromEntries(
        operation.parameters.map(({ name, in: place, schema }) => [
          name,
          // Mostly an id of the store: what is unknown ends at 404.
          place === 'path'
            ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...ids) }, fitting(schema))
            : fitting(schema),
        ]),
      ),
      {
        requiredKeys: operation.parameters.flatMap(({ name, required }) => (required ? [name] : [])),
      },
    );
    const schema = operation.requestBody?.content['application/json'].schema;
    await fc.assert(
      fc.asyncProperty(parameters, schema ? near(schema) : fc.constant(undefined), async (given, body) => {
        const values = given as Record<string, unknown>;
        const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
          encodeURIComponent(String(values[name]).toWellFormed()),
        );
        const query = new URLSearchParams(
          operation.parameters.flatMap(({ name, in: place }): [string, string][] =>
            place === 'query' && name in values ? [[name, String(values[name])]] : [],
          ),
        );
        const answer = await api(`${filled}?${query.toString()}`, {
          method: method.toUpperCase(),
          ...(schema ? { body: JSON.stringify(body) } : {}),
        });
        const told = `${method} ${filled}?${query.toString()} ${JSON.stringify(body)} ${answer.text.slice(0, 300)}`;
        expect(Object.keys(operation.responses).map(Number), told).toContain(answer.status);
        if (answer.status === 200) reached.add(`${method} ${path}`);
      }),
      { numRuns: 20 },
    );
  }
  expect(errors).toEqual([]);
  // It came past the checks of what is sent.
  expect(reached.size).toBeGreaterThan(operations.length / 2);
});

test('another method is told which there are', async () => {
  const answer = await api('/api/console/campaigns', { method: 'DELETE', body: {} });
  expect(answer.status).toBe(405);
  expect(answer.headers['allow']).toBe('GET, POST');
  expect((await api('/api/nothing')).status).toBe(404);
});
