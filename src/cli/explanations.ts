/** What each key of temper.yaml does, for `temper init`. A test holds it to the schema, key by key. */
import { PREFERENCE_LOSSES } from '../training/losses.ts';

/** Keys that are left unset, with an example. */
export const OPTIONAL: Readonly<Record<string, string>> = {
  'target.path': 'model.gguf',
  'target.adapter': 'adapters/start',
  'target.system': '"You are a helpful assistant."',
  'models.cache': '/var/cache/temper/models',
  'suites.directory': 'suites',
};

const recipe = (kind: 'sft' | 'dpo'): Record<string, string> => ({
  kind: 'Fixed.',
  learningRate: 'Highest learning rate of AdamW.',
  schedule: 'linear, cosine or constant.',
  warmup: 'Share of the steps over which the learning rate rises.',
  epochs: 'Passes over the data; a fraction takes part of one.',
  batch: `${kind === 'sft' ? 'Examples' : 'Pairs'} of one batch.`,
  accumulation: 'Batches of one optimiser step.',
  dropout: "Share of the adapter's inputs set to zero while training.",
  maxLength: 'Longest sequence, tokens; answers are cut at the end.',
  maxCompletionLength:
    'Longest answer that is learnt, tokens (null: whole): its beginning decides whether to answer.',
  microBatchTokens: 'Most tokens of one pass through the model: less needs less memory.',
  weightDecay: 'Weight decay of AdamW.',
  maxGradientNorm: 'Gradients are clipped to this norm.',
  seed: 'Order of the examples.',
  checkpointEvery: 'A checkpoint about every this share of the run; each is a candidate.',
  keepCheckpoints:
    'Checkpoints that `temper train` keeps, the newest; null = all. A run keeps its candidates.',
  evaluateEvery: 'Measure the loss on held-out examples every this many steps; 0 = never.',
  evaluationShare: 'Share of the examples held out for that.',
});

const under = (path: string, keys: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(keys).map(([key, text]) => [`${path}.${key}`, text]));

const kinds = {
  adversarial: 'Requests for harm.',
  benign: 'Harmless look-alikes of them.',
  grounded: 'Questions about a document.',
  general: 'Ordinary questions with a known answer.',
};

export const EXPLANATIONS: Readonly<Record<string, string>> = {
  directory: 'Store, adapters and reports.',
  seed: 'Every random choice follows from it.',
  target: 'The model under test.',
  'target.model': '`embedded`: on the own engine.',
  'target.path':
    'A GGUF file or a Hugging Face folder instead of the default model; families: docs/engine.md.',
  'target.adapter': 'A PEFT LoRA adapter that the target already has.',
  'target.system': 'Its system prompt.',
  'target.temperature': '0 = greedy.',
  'target.topP': 'Nucleus sampling; 1 = off.',
  'target.maxTokens': 'Most tokens of an answer.',
  'target.batch': 'Answers generated at once: less needs less memory.',
  judge: 'Which judge.',
  models: 'Where the default model is kept and fetched from.',
  'models.cache': 'Folder of fetched models (default: ~/.cache/temper/models).',
  'models.sources': 'Tried in order; an empty list forbids fetching.',
  suites: 'Scenarios.',
  'suites.directory': 'Folder of your own suite files instead of the built-in ones.',
  'suites.dev': 'How many drive the fix; null for all of a kind.',
  ...under('suites.dev', kinds),
  'suites.everyday': 'Ordinary requests whose answers keep the model helpful.',
  'suites.sealed': 'How many measure before and after; never trained on.',
  ...under('suites.sealed', kinds),
  curation: 'From what broke to preference data.',
  'curation.harmSeverity': 'An answer at least this severe (1-7) is a finding.',
  'curation.maxTokens': 'Answers of dev conversations are cut here: training learns their beginning.',
  'curation.harmExamples': 'Harm examples wanted; dev requests that were not run fill up.',
  'curation.benignPerHarm': 'Benign examples for each harm example, at most.',
  'curation.generalPerHarm': 'General examples for each harm example, at most.',
  'curation.imports': 'Public preference files to add: [{path, format, limit}].',
  training: 'SFT, then DPO, of a LoRA adapter.',
  'training.lora': 'Shape of the adapter.',
  'training.lora.rank': 'Rank of its matrices.',
  'training.lora.alpha': 'Its scale is alpha / rank.',
  'training.lora.rslora': 'Its scale is alpha / sqrt(rank) instead.',
  'training.lora.targets': 'Linear layers that get one.',
  'training.sft': 'Supervised fine-tuning on the chosen answers.',
  ...under('training.sft', recipe('sft')),
  'training.dpo': 'Direct preference optimisation from the SFT adapter; null = SFT alone.',
  ...under('training.dpo', recipe('dpo')),
  'training.dpo.loss': `${Object.keys(PREFERENCE_LOSSES).join(', ')}.`,
  'training.dpo.beta': 'How strongly it is held to the reference.',
  'training.dpo.labelSmoothing': 'Share of wrong labels assumed; conservative, robust and exo_pair read it.',
  'training.dpo.gamma': 'Target margin of simpo.',
  'training.dpo.desirableWeight': 'Weight of chosen answers in kto.',
  'training.dpo.undesirableWeight': 'Weight of rejected answers in kto.',
  'training.dpo.nll': 'Weight of the likelihood of the chosen answers.',
  'training.dpo.pairs': 'Pairs taken from the dataset, at most.',
  'training.dpo.pairs.harm': 'Declines against what the target said.',
  'training.dpo.pairs.benign': 'Answers to look-alikes against declines of them.',
  'training.dpo.pairs.general': 'Answers to ordinary requests against refusals.',
  'training.dpo.reference': 'start (the SFT adapter) or base (no adapter).',
  selection: 'Choice of checkpoint and strength on held-out dev scenarios.',
  'selection.strengths': 'Strengths of the adapter to try for each checkpoint.',
  'selection.holdout': 'Share of the dev objectives kept from training.',
  'selection.scenarios': 'Held-out scenarios of each kind at most.',
  'selection.maxOverRefusal': 'A candidate may refuse this much more of the benign requests.',
  'selection.maxTokens': 'Answers of candidates are cut here: a refusal shows early.',
  gate: 'What the run must reach (the exit code follows with --gate).',
  'gate.harmReduction': 'Relative fall of harm, at least.',
  'gate.overRefusalMargin': 'Rise of over-refusal, at most.',
  'gate.helpfulnessMargin': 'Fall of helpfulness, at most.',
};
