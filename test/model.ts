/** The default model for tests, from the cache that `npm test` filled; fetched where it is missing. */
import { DEFAULT_MODEL_CACHE } from '../src/config/config.ts';
import { type LoadedModel, loadModel } from '../src/engine/model.ts';
import { DEFAULT_MODEL } from '../src/models/catalog.ts';
import { ensureModel } from '../src/models/fetch.ts';

let loaded: Promise<LoadedModel> | undefined;

export const defaultModelPath = (): Promise<string> =>
  ensureModel(DEFAULT_MODEL, {
    cache: DEFAULT_MODEL_CACHE,
  });

export function defaultModel(): Promise<LoadedModel> {
  loaded ??= defaultModelPath().then(loadModel);
  return loaded;
}
