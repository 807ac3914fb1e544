/** Benchmarks of helpfulness, whose answers a program can check. */
import type { Check } from '../../core/records.ts';
import { rng } from '../../core/rng.ts';
import type { Benchmark, BenchmarkItem, Row } from './benchmark.ts';

/** Arguments of an IFEval instruction; tables give every one that there is, most of them null. */
function argumentsOf(row: Row, value: unknown): Record<string, unknown> {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object') row.fail('kwargs', 'not a list of objects');
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null && each !== undefined)
      .map(([name, each]) => [name, typeof each === 'bigint' ? Number(each) : (each as unknown)]),
  );
}

export const IFEVAL: Benchmark = {
  title: 'IFEval',
  measures: 'instructions followed, checked by program (strict, all of a prompt), by kind of instruction',
  licence: 'Apache-2.0',
  source: 'https://huggingface.co/datasets/google/IFEval (ifeval_input_data.jsonl)',
  hub: { repository: 'google/IFEval', file: 'ifeval_input_data.jsonl' },
  files: /input_data\.jsonl/,
  forms: [['prompt', 'instruction_id_list', 'kwargs']],
  maxTokens: 1024,
  convert(row) {
    const ids = row.texts('instruction_id_list');
    const given = row.value('kwargs');
    if (!Array.isArray(given) || given.length !== ids.length)
      row.fail('kwargs', `not a list of ${ids.length}, as many as there are instructions`);
    const kinds = [...new Set(ids.map((id) => id.split(':')[0]!))];
    return {
      kind: 'general',
      category: kinds.length === 1 ? kinds[0]! : 'several kinds',
      prompt: row.text('prompt'),
      check: {
        kind: 'instructions',
        instructions: ids.map((id, i) => ({ id, arguments: argumentsOf(row, (given as unknown[])[i]) })),
      },
    };
  },
};

export const LETTERS = 'ABCDEFGHIJ';

/** A question with its options, of which the letter is the answer. */
export const lettered = (question: string, options: readonly string[]): string =>
  `${question}\n\n${options.map((option, i) => `${LETTERS[i]}. ${option}`).join('\n')}\n\nAnswer with the letter of the right option alone.`;

function choice(
  row: Row,
  column: string,
  category: string,
  question: string,
  options: readonly string[],
  answer: number,
): BenchmarkItem {
  if (options.length < 2 || options.length > LETTERS.length)
    row.fail(column, `${options.length} options; 2 to ${LETTERS.length} can be asked`);
  const check: Check = { kind: 'choice', by: 'letter', options, answer };
  return { kind: 'general', category, prompt: lettered(question, options), check };
}

/** The index of a letter, or of a number from 0. */
function answerOf(row: Row, options: number): number {
  const value = row.value('answer');
  const letter = typeof value === 'string' ? LETTERS.indexOf(value.trim().toUpperCase()) : -1;
  if (typeof value === 'string' && /^\s*[A-Za-z]\s*$/.test(value)) {
    if (letter < 0 || letter >= options)
      row.fail('answer', `'${value.trim()}' is none of ${options} options`);
    return letter;
  }
  return row.index('answer', options);
}

/** Options that stand in the prompt itself, one a line. */
function optionsIn(row: Row, prompt: string): string[] {
  const found = [...prompt.matchAll(/(?:^|\n)[ \t]*([A-J])[.)] ?([^\n]*)/g)];
  // The last A begins them: a question may have a list of its own.
  const start = found.findLastIndex(([, letter]) => letter === 'A');
  const options = found.slice(Math.max(0, start));
  if (start < 0 || options.some(([, letter], i) => letter !== LETTERS[i]))
    row.fail('prompt', 'it does not list the options as A., B., ...');
  return options.map(([, , text]) => text!.trim());
}

export const MMLU: Benchmark = {
  title: 'MMLU',
  measures: 'questions answered right, by log-probability of the letters where the engine has them',
  licence: 'MIT',
  source: 'https://huggingface.co/datasets/cais/mmlu (all/test-00000-of-00001.parquet)',
  hub: { repository: 'cais/mmlu', file: 'all/test-00000-of-00001.parquet' },
  files: /mmlu|test/i,
  forms: [
    ['question', 'choices', 'answer'],
    ['question', 'options', 'answer'],
    ['prompt', 'answer'],
  ],
  maxTokens: 16,
  convert(row) {
    const subject = row.value('subject', 'category');
    const category = typeof subject === 'string' && subject !== '' ? subject : 'mmlu';
    if (!row.has('question')) {
      const prompt = row.text('prompt');
      const options = optionsIn(row, prompt);
      const system = row.value('system');
      const item = choice(row, 'prompt', category, prompt, options, answerOf(row, options.length));
      // The prompt is published whole, with its options and its instruction.
      return {
        ...item,
        prompt: typeof system === 'string' && system !== '' ? `${system}\n\n${prompt}` : prompt,
      };
    }
    const column = row.has('choices') ? 'choices' : 'options';
    const options = row.texts(column);
    return choice(row, column, category, row.text('question'), options, answerOf(row, options.length));
  },
};

/** Answers with whether each is right: as an object, or as two lists. */
function labelled(row: Row, column: string): (readonly [string, boolean])[] {
  const value = row.value(column) as { choices?: unknown; labels?: unknown } | null;
  if (typeof value !== 'object' || value === null) row.fail(column, 'not an object');
  const { choices, labels } = value;
  const pairs: (readonly [unknown, unknown])[] =
    Array.isArray(choices) && Array.isArray(labels)
      ? choices.map((each, i) => [each, labels[i]] as const)
      : Object.entries(value);
  return pairs.map(([text, label]) => {
    const right = Number(label);
    if (typeof text !== 'string' || (right !== 0 && right !== 1))
      row.fail(column, 'its answers must be texts, each with 0 or 1');
    return [text, right === 1] as const;
  });
}

const several = (text: string): string[] =>
  text
    .split(';')
    .map((each) => each.trim())
    .filter((each) => each !== '');

export const TRUTHFULQA: Benchmark = {
  title: 'TruthfulQA (MC1)',
  measures: 'the truthful answer likelier than all others (MC1), by category',
  licence: 'Apache-2.0',
  source: 'https://github.com/sylinrl/TruthfulQA (TruthfulQA.csv, data/mc_task.json)',
  hub: {
    repository: 'truthfulqa/truthful_qa',
    file: 'multiple_choice/validation-00000-of-00001.parquet',
  },
  files: /truthfulqa\.csv|mc_task\.json|multiple_choice/i,
  forms: [
    ['question', 'mc1_targets'],
    ['Question', 'Best Answer', 'Incorrect Answers'],
    ['question', 'best_answer', 'incorrect_answers'],
  ],
  maxTokens: 16,
  convert(row) {
    const question = row.text('question', 'Question');
    const column = ['mc1_targets', 'incorrect_answers'].find((name) => row.has(name)) ?? 'Incorrect Answers';
    const wrong = (): string[] =>
      column === 'incorrect_answers' ? row.texts(column) : several(row.text(column));
    const answers =
      column === 'mc1_targets'
        ? labelled(row, column)
        : [
            [row.text('Best Answer', 'best_answer'), true] as const,
            ...wrong().map((text) => [text, false] as const),
          ];
    if (answers.filter(([, right]) => right).length !== 1) row.fail(column, 'not just one right answer');
    if (answers.length < 2) row.fail(column, 'no wrong answer');
    // Published with the right one first, which a model that is asked for a letter would learn.
    const mixed = rng('truthfulqa', question).shuffle(answers);
    const category = row.value('Category', 'category');
    return {
      kind: 'general',
      category: typeof category === 'string' && category !== '' ? category : 'truthfulqa',
      prompt: question,
      check: {
        kind: 'choice',
        by: 'text',
        options: mixed.map(([text]) => text),
        answer: mixed.findIndex(([, right]) => right),
      },
    };
  },
};
