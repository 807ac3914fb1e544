/** What a round was made of and what it made, by hash: with it the round can be made again, and told from any other. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeWhole } from '../core/files.ts';
import { contentHash, fileHash, PROGRAM } from '../core/ids.ts';
import { adapterHash } from '../engine/adapter.ts';
import { importHash } from '../curation/import.ts';
import type { Judged } from '../metrics/conversation.ts';
import { suiteHash } from '../scenarios/suite.ts';
import type { RunRecord } from '../store/store.ts';
import type { Mix } from '../training/mix.ts';
import type { SftRecipe } from '../training/recipe.ts';
import type { RegressionNumbers } from '../metrics/scorecard.ts';
import { type Link, linkOf } from './chain.ts';
import type { RoundDpo } from './pairs.ts';
import { type Followed, REGRESSION, type Regression } from './regression.ts';
import type { RoundOptions, RoundResult } from './round.ts';
import {
  loadCheckpoint,
  type NamedRecipes,
  recipesOf,
  roundTraining,
  sftKey,
  startingAdapter,
  trainingStage,
} from './training.ts';
import { adapterPath, type Checkpoint } from './trainer.ts';
import type { Workplace } from './workplace.ts';

/** Stage under which a run keeps it. */
export const MANIFEST = 'manifest';

/** A training: its recipe with what it starts from and what it is measured against. */
export interface TrainingEntry {
  /** Hash of recipe, data, model and start. */
  readonly id: string;
  readonly recipe: unknown;
  /** Name of the variant that it is of; absent: the configuration's own recipes. */
  readonly variant?: string;
  /** How much of the dataset's kinds it learnt from; absent: all as they are. */
  readonly mix?: Mix;
  readonly data: string;
  /** Id of the adapter that it starts from. */
  readonly start: string;
  /** DPO: id of the reference policy, and which that is. */
  readonly reference?: { readonly id: string; readonly is: string };
  readonly checkpoints: readonly { readonly id: string; readonly hash: string | null }[];
}

export interface Manifest {
  readonly version: 'manifest/1';
  /** What asked, trained and counted; absent in manifests of before it was noted. */
  readonly program?: string;
  readonly run: string;
  readonly created: string;
  /** ISO 8601. */
  readonly finished: string | null;
  /** Of work of the command that finished it. */
  readonly seconds: number;
  /** null for a round that is alone. */
  readonly round: Link | null;
  readonly configuration: string;
  readonly seeds: { readonly run: number; readonly break: number };
  readonly model: { readonly name: string; readonly id: string };
  readonly judge: string;
  readonly simulator: string;
  readonly suites: readonly { readonly suite: string; readonly split: string; readonly hash: string }[];
  readonly imports: readonly { readonly file: string; readonly hash: string }[];
  /** Hash of what the register fed; null: nothing. */
  readonly register: string | null;
  readonly findings: number;
  readonly dataset: { readonly id: string; readonly examples: number; readonly former: number } | null;
  readonly trainings: readonly TrainingEntry[];
  readonly chosen: unknown;
  /** The best candidates on more held-out scenarios, if they met them. */
  readonly finals?: RoundResult['finals'];
  /** The short list, if one was attacked. */
  readonly attacked?: RoundResult['attacked'];
  /** Absent: nothing was to be fixed. */
  readonly adapter?: { readonly name: string; readonly hash: string };
  /** Hash of the ids of the sealed conversations and their verdicts. */
  readonly sealed: { readonly before: string; readonly after: string | null };
  readonly regression: {
    readonly numbers: RegressionNumbers | null;
    readonly followed: readonly Followed[];
  } | null;
  readonly scorecard: string;
}

export const manifestPath = (directory: string, run: string): string =>
  join(directory, 'rounds', `${run}.json`);

export const writeManifest = (directory: string, manifest: Manifest): void => {
  const path = manifestPath(directory, manifest.run);
  if (!existsSync(path)) writeWhole(path, `${JSON.stringify(manifest, null, 2)}\n`);
};

const armHash = (judged: readonly Judged[]): string =>
  contentHash(
    judged.map(({ conversation, verdicts }) => [conversation.id, verdicts.map(({ id }) => id).sort()]).sort(),
  );

async function trainingsOf(
  { store, targets }: Workplace,
  run: string,
  dataset: string,
  options: RoundOptions,
): Promise<TrainingEntry[]> {
  const weights = targets.weights!;
  const entry = async (
    recipe: SftRecipe | RoundDpo,
    { name, mix }: Pick<NamedRecipes, 'name' | 'mix'>,
    start: string,
  ): Promise<TrainingEntry | null> => {
    const made = (await store.stage(run, trainingStage(recipe.kind, name))) as Checkpoint[] | null;
    // A variant has no SFT of its own where it begins with another's.
    if (made === null) return null;
    const checkpoints = made.map(({ id, name: told, directory: stored }) => {
      const directory = adapterPath(options.directory, stored);
      const hash = existsSync(directory)
        ? adapterHash(loadCheckpoint(weights, { id, name: told, directory }))
        : null;
      return { id, hash };
    });
    const id = roundTraining({ recipe, mix }, dataset, start, { weights, training: options.training });
    const variant = { ...(name === null ? {} : { variant: name }), ...(mix ? { mix } : {}) };
    return { id, recipe, ...variant, data: dataset, start, checkpoints };
  };
  const entries: TrainingEntry[] = [];
  const bySft = new Map<string, TrainingEntry>();
  for (const recipes of recipesOf(options.training)) {
    const { sft, dpo } = recipes;
    const key = sftKey(recipes);
    const own = bySft.has(key) ? null : await entry(sft, recipes, startingAdapter(weights, options).id);
    if (own) {
      entries.push(own);
      bySft.set(key, own);
    }
    const last = bySft.get(key)?.checkpoints.at(-1)?.id;
    const preferred = dpo && last !== undefined ? await entry(dpo, recipes, last) : null;
    if (!preferred) continue;
    const reference =
      dpo!.reference === 'start'
        ? { id: last!, is: "the round's SFT adapter, from which DPO starts" }
        : { id: weights.file.id, is: 'the model without an adapter' };
    entries.push({ ...preferred, reference });
  }
  return entries;
}

export async function manifestOf(
  workplace: Workplace,
  {
    run,
    scorecard,
    adapter,
    chosen,
    finals,
    attacked,
    before,
    after,
  }: RoundResult & { readonly run: RunRecord },
  options: RoundOptions,
  seconds: number,
): Promise<Manifest> {
  const { store, config, targets, suites, judge, simulator } = workplace;
  const curated = (await store.stage(run.id, 'curate')) as { dataset: string; findings?: number } | null;
  const examples = curated ? ((await store.dataset(curated.dataset))?.examples ?? []) : [];
  const former = new Set(options.chain?.former.map(({ example }) => example.id));
  const regression = (await store.stage(run.id, REGRESSION)) as Regression | null;
  const { directory: _directory, models: _models, calls: _calls, ...configuration } = config;
  return {
    version: 'manifest/1',
    program: PROGRAM,
    run: run.id,
    created: run.created,
    finished: run.finished ?? null,
    seconds: Math.round(seconds * 10) / 10,
    round: options.chain ? linkOf(options.chain) : null,
    configuration: contentHash(configuration),
    seeds: { run: options.seed, break: options.curation.seed },
    model: { name: targets.name, id: targets.id },
    judge: judge.id,
    simulator: simulator.id,
    suites: [...suites.dev, ...suites.sealed].map((suite) => ({
      suite: `${suite.id}@${suite.version}`,
      split: suite.split,
      hash: suiteHash(suite),
    })),
    imports: await Promise.all(
      config.curation.imports.map(async ({ path }) => ({
        file: basename(path),
        hash: await importHash(path),
      })),
    ),
    register: options.register.id,
    findings: curated?.findings ?? 0,
    dataset: curated && {
      id: curated.dataset,
      examples: examples.length,
      former: examples.filter(({ id }) => former.has(id)).length,
    },
    trainings: adapter === undefined ? [] : await trainingsOf(workplace, run.id, curated!.dataset, options),
    chosen: chosen ?? null,
    ...(finals ? { finals } : {}),
    ...(attacked ? { attacked } : {}),
    ...(adapter === undefined
      ? {}
      : {
          adapter: {
            name: basename(adapter),
            hash: await fileHash(join(adapter, 'adapter_model.safetensors')),
          },
        }),
    sealed: { before: armHash(before), after: after ? armHash(after) : null },
    regression: regression && { numbers: regression.numbers, followed: regression.followed },
    scorecard: contentHash(finite(scorecard)),
  };
}

/** Infinite and unknown figures as text, so that they can be hashed. */
const finite = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, each: unknown) =>
      typeof each === 'number' && !Number.isFinite(each) ? String(each) : each,
    ),
  );
