/** The judge and the simulator of a configuration, with the models that they call. */
import { sheetLabels, shownInSheet } from '../calibration/sheet.ts';
import type { Config, TargetConfig } from '../config/config.ts';
import { readUtf8 } from '../core/csv.ts';
import { TemperError } from '../core/errors.ts';
import { contentHash } from '../core/ids.ts';
import { simulatorModel, createSimulator } from '../dialogue/registry.ts';
import type { Simulator } from '../dialogue/simulator.ts';
import type { Proposer } from '../dialogue/strategies/proposer.ts';
import { attackerModel, createProposer } from '../dialogue/strategies/registry.ts';
import { adapterHash, loadAdapter } from '../engine/adapter.ts';
import { Generator } from '../engine/generator.ts';
import { loadModel } from '../engine/model.ts';
import type { Judge } from '../judges/judge.ts';
import { createJudge, judgeModels, type JudgeTools } from '../judges/registry.ts';
import { EmbeddedLanguageModel } from '../models/embedded.ts';
import { requireConnection } from '../models/problems.ts';
import type { OpenedRole } from '../models/role.ts';
import type { Callers } from './callers.ts';
import { type Embedder, embedderOf, refuseEmbedder } from './embedder.ts';
import { namedTarget } from './named-target.ts';
import { connectionOf, isEmbedded } from './remote-targets.ts';
import { locateModel } from './targets.ts';

type Role = 'judge' | 'simulator' | 'attacker';
type Opened = Role | 'translator' | 'reviser' | 'embeddings';

/** Sequences at once of a role on the engine: its answers are longer and fewer than a target's. */
const ENGINE_BATCH = 8;

/** The model that a role names. What a name leaves out of its decoding is the role's own, not the target's. */
function modelOf(config: Config, role: Opened, name: string): TargetConfig {
  const model = namedTarget(config, name);
  if (!model)
    throw new TemperError('config', `${role}: '${name}' is no model`, {
      hint: 'Give provider:model[@address], or a name under `targets` (docs/models.md).',
    });
  requireConnection(model, [], role);
  return model;
}

const modelNames = ({
  judge,
  simulator,
  attacker,
  judges,
}: Pick<Config, Role | 'judges'>): Record<Role, string[]> => ({
  judge: judgeModels(judge, judges),
  simulator: [simulatorModel(simulator)].filter((name) => name !== null),
  attacker: [attackerModel(attacker)].filter((name) => name !== null),
});

/** Errors: `config`, for what is wrong with a role before any model or store is opened. */
export function requireRoles(
  config: Config,
  roles: readonly Role[] = ['judge', 'simulator', 'attacker'],
): void {
  const names = modelNames(config);
  for (const role of roles) for (const name of names[role]) modelOf(config, role, name);
  const { reviser } = config.curation;
  if (reviser !== undefined) modelOf(config, 'reviser', reviser);
  if (config.embeddings !== undefined) modelOf(config, 'embeddings', config.embeddings);
}

/** Opens models for a role; `resources` closes them. */
const opener =
  (config: Config, role: Opened, callers: Callers, resources: AsyncDisposableStack) =>
  async (name: string): Promise<OpenedRole> => {
    const target = modelOf(config, role, name);
    const own = config.targets && Object.hasOwn(config.targets, name) ? config.targets[name] : undefined;
    const decoding = { maxTokens: own?.maxTokens, temperature: own?.temperature, topP: own?.topP };
    if (isEmbedded(target)) {
      const batch = own?.batch ?? ENGINE_BATCH;
      return { ...(await onEngine(config, { ...target, batch }, callers, resources)), ...decoding };
    }
    const remote = resources.use(await callers.open(role, connectionOf(target)));
    return {
      model: remote.model,
      name: remote.name,
      id: remote.id,
      concurrency: remote.concurrency,
      ...decoding,
    };
  };

/** A model on disk, in an engine of its own beside that of the target. */
async function onEngine(
  config: Config,
  target: TargetConfig,
  { emit }: Callers,
  resources: AsyncDisposableStack,
): Promise<OpenedRole> {
  const file = await locateModel(target, config, emit);
  const model = loadModel(file.path, file.provider);
  const adapter = target.adapter === undefined ? undefined : loadAdapter(target.adapter, model.config);
  const { batch } = target;
  const generator = resources.use(await Generator.create(model, { batch, ...(adapter ? { adapter } : {}) }));
  const id = contentHash({ model: file.id, ...(adapter ? { adapter: adapterHash(adapter) } : {}) });
  return {
    model: new EmbeddedLanguageModel(file.name, generator),
    name: file.name,
    id: `embedded@${id}`,
    concurrency: batch + 8,
  };
}

/** How a judge that is people finds their labels. */
export const humanLabels: Required<Pick<JudgeTools, 'readLabels' | 'shownInSheets'>> = {
  readLabels: (path) => sheetLabels(readUtf8(path), path),
  shownInSheets: shownInSheet,
};

/** Errors: `config`, `model`, `store`; `data` for a labelled sheet. */
export async function openJudge(
  config: Config,
  callers: Callers,
  resources: AsyncDisposableStack,
): Promise<Judge> {
  const judge = await createJudge(config.judge, {
    openRole: opener(config, 'judge', callers, resources),
    ...(config.judges ? { panels: config.judges } : {}),
    ...humanLabels,
  });
  resources.defer(async () => judge.close?.());
  return judge;
}

/** Errors: `config`, `model`, `store`. */
export const openSimulator = (
  config: Config,
  callers: Callers,
  resources: AsyncDisposableStack,
): Promise<Simulator> => createSimulator(config.simulator, opener(config, 'simulator', callers, resources));

/** Errors: `config`, `model`, `store`. */
export const openAttacker = (
  config: Config,
  callers: Callers,
  resources: AsyncDisposableStack,
): Promise<Proposer> => createProposer(config.attacker, opener(config, 'attacker', callers, resources));

/** Null where none is named. Errors: `config`, `model`, `store`. */
export async function openReviser(
  config: Config,
  callers: Callers,
  resources: AsyncDisposableStack,
): Promise<OpenedRole | null> {
  const { reviser } = config.curation;
  return reviser === undefined ? null : await opener(config, 'reviser', callers, resources)(reviser);
}

/** Errors: `config` where none is named; `model`, `store`. */
export function openTranslator(
  config: Config,
  callers: Callers,
  resources: AsyncDisposableStack,
): Promise<OpenedRole> {
  if (config.translator === undefined)
    throw new TemperError('config', 'no `translator` is named', {
      hint: 'Set it to a model, as in --set translator=openai:gpt-4o-mini, or to a name under `targets`.',
    });
  return opener(config, 'translator', callers, resources)(config.translator);
}

/** Null where none is named: words decide. Errors: `config`, `store`. */
export async function openEmbedder(
  config: Config,
  callers: Callers,
  resources: AsyncDisposableStack,
): Promise<Embedder | null> {
  const { embeddings: name } = config;
  if (name === undefined) return null;
  const target = modelOf(config, 'embeddings', name);
  if (isEmbedded(target)) throw refuseEmbedder(name, 'a model on disk');
  const remote = resources.use(await callers.open('embeddings', connectionOf(target)));
  return embedderOf(remote);
}
