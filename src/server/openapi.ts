/** The OpenAPI document of the routes. */
import { z } from 'zod';
import type { Route } from './route.ts';

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { unrepresentable: 'any', io }) as Record<
    string,
    unknown
  >;
  return rest;
};

/** `:id` as OpenAPI writes it. */
const pathOf = (path: string): string => path.replace(/:([a-z]+)/gi, '{$1}');

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, { description?: string }>>;
  readonly required?: readonly string[];
}

function parametersOf(route: Route): object[] {
  const inPath = [...route.path.matchAll(/:([a-z]+)/gi)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1, maxLength: 200 },
  }));
  if (!route.query) return inPath;
  const { properties = {}, required = [] } = schemaOf(route.query, 'input') as ObjectSchema;
  const inQuery = Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(schema.description === undefined ? {} : { description: schema.description }),
    schema,
  }));
  return [...inPath, ...inQuery];
}

const failure = (description: string) => ({
  description,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

function operationOf(route: Route): object {
  const answer = route.media
    ? { [route.media]: { schema: { type: 'string' } } }
    : { 'application/json': { schema: route.response ? schemaOf(route.response, 'output') : {} } };
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: route.summary,
    tags: [route.tag],
    parameters: parametersOf(route),
    ...(route.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
          },
        }
      : {}),
    responses: {
      200: { description: 'done', content: answer },
      400: failure('what was sent is not as it should be'),
      401: failure('no session'),
      403: failure('another host or origin'),
      404: failure('not in the store'),
      409: failure('something else is at work, or the store is not usable'),
      413: failure('too much was sent'),
      422: failure('it cannot be done with this'),
      502: failure('a model elsewhere cannot be reached'),
      507: failure('this machine has not enough of something'),
    },
  };
}

export function openApi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes)
    (paths[pathOf(route.path)] ??= {})[route.method.toLowerCase()] = operationOf(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'temper',
      version,
      description:
        'The API of `temper serve`. It needs the session cookie that the first link gives (docs/web.md says how a script gets it). Changes need content-type application/json.',
    },
    paths,
    components: {
      schemas: {
        Problem: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['code', 'message'],
              properties: { code: { type: 'string' }, message: { type: 'string' }, hint: { type: 'string' } },
            },
          },
        },
      },
      securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: 'temper-PORT' } },
    },
    security: [{ session: [] }],
  };
}
