import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../config/config.ts';
import { EXPLANATIONS, OPTIONAL } from './explanations.ts';
import { exampleConfig } from './init.ts';

const paths = (value: unknown, path = ''): string[] =>
  typeof value !== 'object' || value === null || Array.isArray(value)
    ? [path]
    : Object.entries(value).flatMap(([key, child]) => {
        const below = path === '' ? key : `${path}.${key}`;
        const children = paths(child, below);
        return children.includes(below) ? children : [below, ...children];
      });

test('every key of the configuration is explained, and nothing else is', () => {
  const known = new Set([...paths(configSchema.parse({})), ...Object.keys(OPTIONAL)]);
  expect(Object.keys(EXPLANATIONS).sort()).toEqual([...known].sort());
});

test('the example is the defaults', () => {
  const defaults = configSchema.parse({});
  expect(configSchema.parse(parse(exampleConfig()))).toEqual(defaults);
  // The cache is a path of the machine.
  expect(exampleConfig()).not.toContain(defaults.models.cache);
});

test('what is left unset validates when it is set', () => {
  const text = exampleConfig();
  for (const path of Object.keys(OPTIONAL))
    expect(text).toContain(`# ${path.split('.').at(-1)}: ${OPTIONAL[path]}`);
  for (const [model, keys] of [
    ['embedded', ['path', 'adapter', 'system']],
    ['http', ['baseUrl', 'apiKey', 'headers', 'http', 'price']],
    ['command', ['command']],
    ['azure:a', ['resource', 'apiVersion']],
    ['bedrock:b', ['region', 'options']],
  ] as const) {
    const target = Object.fromEntries(
      keys.map((key) => [key, parse(OPTIONAL[`target.${key}`] ?? '') as unknown]),
    );
    expect(configSchema.safeParse({ target: { model, ...target } }).error).toBeUndefined();
  }
  const set = {
    models: { cache: 'd' },
    training: { variants: parse(OPTIONAL['training.variants'] ?? '') as unknown },
    suites: { directory: 'e' },
    targets: parse(OPTIONAL['targets'] ?? '') as unknown,
    calls: { budget: { calls: 1, tokens: 1, dollars: 1 } },
  };
  expect(configSchema.safeParse(set).success).toBe(true);
});
