/** What there is to know before one begins: configuration, keys present or missing (never shown), taxonomy, method, words. */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { type Config, environment } from '../../config/config.ts';
import { DEFAULT_MODEL } from '../../models/catalog.ts';
import { cachedPath } from '../../models/fetch.ts';
import { PROVIDERS } from '../../models/registry.ts';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { loadTaxonomy, type Taxonomy } from '../../scenarios/taxonomy.ts';
import type { ServerContext } from '../context.ts';
import { record, routesOf } from '../route.ts';

const on = routesOf('settings');

/** Names of the variables that a configuration takes keys from. */
function variables(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const each of value) variables(each, found);
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value)) {
      if (key === 'env' && typeof each === 'string') found.add(each);
      else if (key === 'env' && Array.isArray(each))
        for (const name of each) if (typeof name === 'string') found.add(name);
      variables(each, found);
    }
  return found;
}

/** The variable in which a hosted provider's key stands, as its description names it. */
const keyIn = (description: string): string | undefined => /key in ([A-Z0-9_]+)/.exec(description)?.[1];

interface Term {
  readonly term: string;
  readonly meaning: string;
}

/** The table of docs/concepts.md, where the documents are there (an installed package has none). */
function glossary(): Term[] {
  const path = new URL('../../../docs/concepts.md', import.meta.url);
  if (!existsSync(path)) return [];
  const rows = readFileSync(path, 'utf8').matchAll(/^\| ([a-z][^|]*?) \| ([^|]+) \|$/gm);
  return [...rows]
    .map(([, term = '', meaning = '']) => ({
      term,
      // A page has no documents to lead to: links in brackets go, of others the words stay.
      meaning: meaning
        .replace(/ \((\[[^\]]+\]\([^)]*\)(, )?)+\)/g, '')
        .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
        .replaceAll('`', ''),
    }))
    .filter(({ term }) => term !== 'term');
}

export type ShownTaxonomy = Pick<Taxonomy, 'id' | 'version' | 'groups'> & {
  readonly leaves: readonly Omit<Taxonomy['leaves'][number], 'declineNote'>[];
};

export const settingRoutes = (context: ServerContext, version: string) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/settings',
        summary: 'Configuration, model, keys present or missing, taxonomy, glossary',
        response: z.object({
          version: z.string(),
          directory: z.string(),
          config: record<Config>('temper.yaml with all defaults'),
          model: z.object({ name: z.string(), present: z.boolean() }),
          judge: z.object({ name: z.string() }),
          keys: z.array(
            z.object({ name: z.string(), present: z.boolean(), used: z.boolean(), provider: z.string() }),
          ),
          taxonomy: record<ShownTaxonomy>('groups and categories'),
          glossary: z.array(z.object({ term: z.string(), meaning: z.string() })),
        }),
      },
      () => {
        const { config } = context;
        const taxonomy = loadTaxonomy(BUILT_IN.taxonomy);
        const wanted = variables(config);
        const hosted = Object.entries(PROVIDERS).flatMap(([provider, { description }]) => {
          const name = keyIn(description);
          return name === undefined ? [] : [{ name, provider }];
        });
        const present = (name: string): boolean => (environment(name) ?? '').trim() !== '';
        const own = [...wanted].filter((name) => !hosted.some((each) => each.name === name));
        const path = config.target.path ?? cachedPath(DEFAULT_MODEL, config.models.cache);
        return {
          version,
          directory: config.directory,
          config,
          model: {
            name:
              config.target.model === 'embedded'
                ? (config.target.path ?? DEFAULT_MODEL.description)
                : config.target.model,
            present: config.target.model !== 'embedded' || existsSync(path),
          },
          judge: { name: config.judge },
          keys: [
            ...own.map((name) => ({ name, present: present(name), used: true, provider: 'configuration' })),
            ...hosted.map(({ name, provider }) => ({
              name,
              provider,
              present: present(name),
              used: wanted.has(name) || config.target.model.startsWith(`${provider}:`),
            })),
          ],
          taxonomy: {
            id: taxonomy.id,
            version: taxonomy.version,
            groups: taxonomy.groups,
            leaves: taxonomy.leaves.map(({ declineNote: _declineNote, ...leaf }) => leaf),
          },
          glossary: glossary(),
        };
      },
    ),
  ] as const;
