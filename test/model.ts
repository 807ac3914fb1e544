/** The default model for tests, from the cache that `npm test` filled; fetched where it is missing. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type LoadedModel, loadGguf } from '../src/engine/model.ts';
import { DEFAULT_MODEL } from '../src/models/catalog.ts';
import { ensureModel } from '../src/models/fetch.ts';

let loaded: Promise<LoadedModel> | undefined;

export const defaultModelPath = (): Promise<string> =>
  ensureModel(DEFAULT_MODEL, {
    cache: join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'temper', 'models'),
  });

export function defaultModel(): Promise<LoadedModel> {
  loaded ??= defaultModelPath().then(loadGguf);
  return loaded;
}
