import { Command } from 'commander';
import { TemperError } from '../core/errors.ts';
import { CATALOG, type CatalogModel, DEFAULT_MODEL } from '../models/catalog.ts';
import { cachedPath, ensureModel, verifyModel } from '../models/fetch.ts';
import { type CommonOptions, configOf, withCommon, withProgress } from './context.ts';
import { printJson, say } from './output.ts';

function modelOf(id: string): CatalogModel {
  const model = Object.hasOwn(CATALOG, id) ? CATALOG[id] : undefined;
  if (model) return model;
  throw new TemperError('usage', `the model '${id}' is not in the catalogue`, {
    hint: `Known: ${Object.keys(CATALOG).join(', ')}.`,
  });
}

export function modelsCommand(): Command {
  const models = new Command('models')
    .description('List, fetch and verify models of the catalogue')
    .showSuggestionAfterError();
  const list = withCommon(new Command('list'))
    .description('What the catalogue has, and what is in the cache')
    .addHelpText('after', '\nExample:\n  temper models list --json')
    .action(async (options: CommonOptions) => {
      const { cache } = configOf(options).models;
      const rows = await Promise.all(
        Object.values(CATALOG).map(async (model) => ({
          id: model.id,
          description: model.description,
          licence: model.licence,
          bytes: model.bytes,
          state: await verifyModel(model, cache),
          path: cachedPath(model, cache),
        })),
      );
      if (options.json) printJson(rows);
      else
        for (const row of rows)
          say(
            `${row.id}  ${row.state.padEnd(7)}  ${Math.round(row.bytes / 1e6)} MB  ${row.licence}  ${row.description}\n  ${row.path}\n`,
          );
    });
  const fetch = withCommon(new Command('fetch'))
    .description('Bring a model into the cache')
    .addHelpText('after', `\nExample:\n  temper models fetch ${DEFAULT_MODEL.id}`)
    .argument('[id]', 'which', DEFAULT_MODEL.id)
    .action(async (id: string, options: CommonOptions) => {
      const { models: settings } = configOf(options);
      const path = await withProgress((tools) => ensureModel(modelOf(id), { ...settings, ...tools }));
      if (options.json) printJson({ id, path });
      else say(`${path}\n`);
    });
  const verify = withCommon(new Command('verify'))
    .description('Check a cached model against its SHA-256')
    .addHelpText('after', `\nExample:\n  temper models verify ${DEFAULT_MODEL.id}`)
    .argument('[id]', 'which', DEFAULT_MODEL.id)
    .action(async (id: string, options: CommonOptions) => {
      const { cache } = configOf(options).models;
      const state = await verifyModel(modelOf(id), cache);
      if (state !== 'whole')
        throw new TemperError('model', `${id} is ${state} in ${cache}`, {
          hint: `${state === 'damaged' ? 'Delete the file, then run' : 'Run'} \`temper models fetch ${id}\`.`,
        });
      if (options.json) printJson({ id, state });
      else say(`${id}: whole\n`);
    });
  for (const command of [list, fetch, verify])
    models.addCommand(command.showSuggestionAfterError().exitOverride());
  return models.addHelpText(
    'after',
    '\nExamples:\n  temper models list\n  temper models fetch\n  temper models verify',
  );
}
