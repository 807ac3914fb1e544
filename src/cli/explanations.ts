/** What each key of temper.yaml does, for `temper init`. A test holds it to the schema, key by key. */
import { PREFERENCE_LOSSES } from '../training/losses.ts';

/** Keys that are left unset, with an example. */
export const OPTIONAL: Readonly<Record<string, string>> = {
  'target.baseUrl': 'http://localhost:8000/v1',
  'target.apiKey': '{ env: MY_KEY }',
  'target.headers': '{ X-Team: red, X-Token: { env: MY_TOKEN } }',
  'target.options': '{ top_k: 20, seed: null }',
  'target.region': 'us-east-1',
  'target.resource': 'my-resource',
  'target.apiVersion': '"2024-10-21"',
  'target.http':
    '{ method: POST, body: { question: "{{prompt}}" }, response: answer.text, finish: answer.reason, blocked: [content_filter] }',
  'target.command': '{ run: [python3, bot.py], format: json }',
  'target.price': '{ input: 0.15, output: 0.6 }',
  'target.path': 'model.gguf',
  'target.adapter': 'adapters/start',
  'target.system': '"You are a helpful assistant."',
  'models.cache': '/var/cache/temper/models',
  'suites.directory': 'suites',
  'suites.benchmarks': '{ xstest: { path: data/xstest_prompts.csv, limit: 200 }, or-bench: { path: hub } }',
  'gate.collect': '400',
  'selection.patience': '1',
  'selection.attack': '{ candidates: 3, budget: 120 }',
  'training.sft.patience': '3',
  'training.dpo.patience': '3',
  'training.variants':
    '{ gentle: { sft: { learningRate: 1e-3 } }, calm: { mix: { purposes: { benign: 2 } } } }',
  'curation.reviser': 'openai:gpt-4o-mini',
  'curation.probe': 'true',
  'curation.partners': 'true',
  'curation.language': 'en',
  'curation.balance': '[category, style, length, language]',
  translator: 'openai:gpt-4o-mini',
  embeddings: 'ollama:nomic-embed-text',
  judges: '{ panel: { rule: median, of: [embedded, "rubric:NAME", "guard:llama-guard-3:NAME"] } }',
  targets: '{ small: { model: "vllm:small" }, large: { model: "openai:large", apiKey: { env: MY_KEY } } }',
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
  ...(kind === 'sft' && {
    opening:
      'The first tokens of an answer decide whether it declines, so they weigh more; null = they do not.',
    'opening.tokens': 'How many.',
    'opening.weight': 'Their weight in the loss, against 1 of the others.',
  }),
  microBatchTokens: 'Most tokens of one pass through the model: less needs less memory.',
  weightDecay: 'Weight decay of AdamW.',
  maxGradientNorm: 'Gradients are clipped to this norm.',
  seed: 'Order of the examples.',
  checkpointEvery: 'A checkpoint about every this share of the run; each is a candidate.',
  keepCheckpoints:
    'Checkpoints that `temper train` keeps, the newest; null = all. A run keeps its candidates.',
  evaluateEvery: 'Measure the loss on held-out examples every this many steps; 0 = never.',
  evaluationShare: 'Share of the examples held out for that.',
  patience:
    'End after so many measurements without a lower held-out loss, with the adapter of the lowest one; needs evaluateEvery.',
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
  'target.model': '`embedded`: on the own engine; else provider:model (docs/models.md).',
  'target.baseUrl': 'Address of the server; not needed for hosted providers.',
  'target.apiKey': 'Environment variable that holds the key.',
  'target.headers': 'Further headers; one that carries a credential names a variable.',
  'target.options': 'Further fields of the request, or options of an AI SDK provider; null removes a field.',
  'target.region': 'Of Amazon Bedrock.',
  'target.resource': 'Of Azure OpenAI.',
  'target.apiVersion': 'Of Azure OpenAI, for addresses by deployment.',
  'target.http': 'Of `http`: the request template and where the answer is.',
  'target.command':
    'Of `command`: program and arguments; format text or json; env: the variables with keys that it may see.',
  'target.price': 'Dollars for a million tokens, for the cost and the budget.',
  'target.path':
    'A GGUF file or a Hugging Face folder instead of the default model; families: docs/engine.md.',
  'target.adapter': 'A PEFT LoRA adapter that the target already has.',
  'target.system': 'Its system prompt.',
  'target.temperature': '0 = greedy.',
  'target.topP': 'Nucleus sampling; 1 = off.',
  'target.maxTokens': 'Most tokens of an answer.',
  'target.batch': 'Answers generated at once: less needs less memory.',
  targets: 'Other models by name, for --target and `temper compare`; what they leave out is as in target.',
  calls: 'How models that are not embedded are called; changes no answer.',
  'calls.concurrency': 'Calls in flight: grows from start, halves on 429 and timeouts.',
  'calls.concurrency.start': 'At the beginning.',
  'calls.concurrency.max': 'At most.',
  'calls.retries': 'Repetitions of a call that failed in a way that may pass; 0 = none.',
  'calls.firstByteSeconds': 'Longest silence before and within an answer.',
  'calls.totalSeconds': 'Longest time of a whole answer.',
  'calls.cache': 'Keep answers in <directory>/answers.sqlite and do not ask the same again.',
  'calls.budget': 'Most that one command spends, null = no limit; what is finished is kept.',
  'calls.budget.calls': 'Requests, repetitions included.',
  'calls.budget.tokens': 'Input and output together.',
  'calls.budget.dollars': 'By the price of the model.',
  judge:
    'embedded; rubric:MODEL; rubric-conversation:MODEL (one verdict a conversation on its harm); guard:FORMAT:MODEL; ensemble:NAME of `judges`; human:SHEET. MODEL: provider:model[@address], or a name of `targets` (docs/models.md).',
  embeddings:
    'Model of embeddings behind /v1/embeddings, for clusters of findings and for imports that say the same in other words.',
  translator:
    'Model that translates scenarios for `temper eval --language de`: as for simulator, without llm:.',
  judges: 'Ensembles of judges by name; rule: median, majority or escalate (docs/models.md).',
  attacker:
    'Who words the attacks of `temper attack --budget`: scripted; or llm:provider:model[@address], or llm:NAME of `targets`.',
  simulator: 'Who plays the user: scripted; or llm:provider:model[@address], or llm:NAME of `targets`.',
  engine: 'The engine of embedded models.',
  'engine.provider':
    'What computes them: cpu, cuda, coreml, dml or webgpu, if this build of ONNX Runtime has it (`temper doctor`).',
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
  'suites.benchmarks':
    'Files of public benchmarks for `temper eval --benchmark NAME`; hub: fetched from the Hugging Face hub. Their prompts are kept out of training.',
  curation: 'From what broke to preference data.',
  'curation.harmSeverity': 'An answer at least this severe (1-7) is a finding.',
  'curation.maxTokens': 'Answers of dev conversations are cut here: training learns their beginning.',
  'curation.harmExamples': 'Harm examples wanted; dev requests that were not run fill up.',
  'curation.benignPerHarm': 'Benign examples for each harm example, at most.',
  'curation.beginAnswers':
    "Ask harmless requests that the target refused again, with an answer's first word put into its mouth; false = no.",
  'curation.declinePhrases':
    'Phrases of each kind that a category’s declines are made of: 1 for small models, which mix up more; up to 4.',
  'curation.probe':
    'The target is asked which ciphers, look-alike letters and so on it reads; under those, no harm teaches a decline, too.',
  'curation.reviser':
    'A model that criticises and rewrites declines, and answers what was refused by mistake (provider:model, or a name under `targets`).',
  'curation.generalPerHarm': 'General examples for each harm example, at most.',
  'curation.partners': 'Look-alikes whose harmful partner is declined are taken before others.',
  'curation.language': 'Imports in another language are passed over, as in en.',
  'curation.balance':
    'What imports, look-alikes and everyday answers are drawn evenly over: category, language, length, style (of refusal).',
  'curation.imports': 'Public preference files to add: [{path, format, limit}].',
  training: 'SFT, then DPO, of a LoRA adapter.',
  'training.backend': 'onnx, the own engine, or trl: Python, here or elsewhere (docs/training.md).',
  'training.trl': 'Where and how the backend trl runs.',
  'training.trl.python': 'Interpreter that has the packages of backends/trl/requirements.txt.',
  'training.trl.model': "Name or folder that the job loads; null: the target's own weights.",
  'training.trl.processes': 'Processes on this machine, each with its share of the batch.',
  'training.trl.accelerate': 'A configuration of `accelerate config`: machines, FSDP, DeepSpeed.',
  'training.trl.precision': 'float32, as the own engine, or bfloat16.',
  'training.trl.gradientCheckpointing': 'Less memory for more time.',
  'training.trl.launch':
    'Command that starts a job, a list; {job}, {id}, {python}, {processes} are filled in.',
  'training.trl.detached': 'The command returns at once (a queue): the folder says when the job has ended.',
  'training.trl.upload': 'Command that brings the job to where it runs.',
  'training.trl.fetch': 'Command that brings its folder back, again and again.',
  'training.trl.poll': 'Seconds between two looks at the job.',
  'training.trl.patience': 'Seconds without a sign before a detached job is given up; null: never.',
  'training.lora': 'Shape of the adapter.',
  'training.lora.rank': 'Rank of its matrices.',
  'training.lora.alpha': 'Its scale is alpha / rank.',
  'training.lora.rslora': 'Its scale is alpha / sqrt(rank) instead.',
  'training.lora.frozen': 'Share of the blocks, from below, that get no adapter.',
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
  'training.dpo.nllLength':
    'Tokens of them that it is of, more than what is compared: DPO on openings alone forgets the words after them.',
  'training.dpo.pairs': 'Pairs taken from the dataset, at most.',
  'training.dpo.pairs.harm': 'Declines against what the target said.',
  'training.dpo.pairs.benign': 'Answers to look-alikes against declines of them.',
  'training.dpo.pairs.general': 'Answers to ordinary requests against refusals.',
  'training.dpo.reference': 'start (the SFT adapter) or base (no adapter).',
  'training.variants':
    'Further recipes by name: what each does otherwise than sft and dpo, and mix, weights of kinds of the data. Trained from the same dataset and start; their adapters are candidates, too.',
  selection: 'Choice of checkpoint and strength on held-out dev scenarios.',
  'selection.strengths': 'Strengths of the adapter to try for each candidate.',
  'selection.between':
    'Adapters on the way from SFT to DPO to try, too: shares of the way, above 1 beyond DPO.',
  'selection.holdout': 'Share of the dev objectives kept from training.',
  'selection.scenarios': 'Held-out scenarios of each kind at most that every candidate meets.',
  'selection.final':
    'The best candidates meet more of them, and these choose. null: the first ones alone choose.',
  'selection.final.candidates': 'How many candidates.',
  'selection.final.scenarios': 'Held-out scenarios of each kind at most, more than selection.scenarios.',
  'selection.maxOverRefusal': 'A candidate may refuse this much more of the benign requests.',
  'selection.maxTokens': 'Answers of candidates are cut here: a refusal shows early.',
  'selection.patience':
    'End a training when so many checkpoints (checkpointEvery) are no better on the held-out scenarios.',
  'selection.attack':
    'Attack the best candidates on held-out requests, each with so many messages, before the sealed scenarios are opened; the choice takes account of it.',
  rounds: 'Break-fix rounds, each from what the one before released.',
  'rounds.max': 'Rounds at most; they end when the gate passes. Its level is shared among them.',
  'rounds.from':
    'What a later round trains: the adapter that the one before released (previous), or a fresh one (base). It learns from the data of all rounds either way.',
  'rounds.budget': 'Minutes of work after which no further round begins; null: no limit.',
  gate: 'What the run must reach (the exit code follows with --gate).',
  'gate.harmSeverity':
    'A conversation is harmful from this severity (1-7) on; also in the choice of the adapter.',
  'gate.harmReduction': 'Relative fall of harm, at least.',
  'gate.alpha': 'Two-sided level of the test on harm.',
  'gate.overRefusalMargin': 'Rise of over-refusal, at most.',
  'gate.helpfulnessMargin': 'Fall of helpfulness, at most.',
  'gate.degenerateMargin': 'Rise of degenerate answers to benign requests, at most; null: not judged.',
  'gate.maxUnscored': 'With a larger share unscored, a criterion is inconclusive.',
  'gate.collect':
    'Where the gate is inconclusive: as many more sealed scenarios as would decide, up to so many of a kind; each of the two looks at half of alpha. Absent: none.',
};
