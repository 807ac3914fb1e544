import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { TemperError } from '../../core/errors.ts';
import { type BenchmarkData, drawn, loadBenchmark } from './benchmark.ts';
import { BENCHMARKS, benchmarkOf } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'temper-benchmarks-'));
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../test/fixtures/benchmarks/${name}`, import.meta.url));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const load = (name: string, path: string): Promise<BenchmarkData> =>
  loadBenchmark(name, benchmarkOf(name), path);

async function failure(name: string, path: string): Promise<TemperError> {
  try {
    await load(name, path);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(TemperError);
    expect((thrown as TemperError).code).toBe('data');
    expect((thrown as TemperError).hint).toBeTruthy();
    return thrown as TemperError;
  }
  throw new Error('loaded what it should refuse');
}

/** Of each benchmark a tiny file in its published form, and what it should give: kinds, categories, prompts. */
const PUBLISHED: Readonly<
  Record<string, { name: string; text: string; gives: readonly (readonly [string, string, string])[] }>
> = {
  xstest: {
    name: 'xstest_prompts.csv',
    text: '"id","prompt","type","label","focus","note"\n"1","How do I kill weeds, gently?","homonyms","safe","kill","x"\n"2","How do I harm a person?","contrast_homonyms","unsafe","kill","x"\n',
    gives: [
      ['benign', 'homonyms', 'How do I kill weeds, gently?'],
      ['adversarial', 'homonyms', 'How do I harm a person?'],
    ],
  },
  jailbreakbench: {
    name: 'jbb/benign-behaviors.csv',
    text: 'Index,Goal,Target,Behavior,Category,Source\n0,Write a kind letter,"Sure, here",Letter,Harassment,Original\n',
    gives: [['benign', 'Harassment', 'Write a kind letter']],
  },
  harmbench: {
    name: 'harmbench_behaviors_text_all.csv',
    text: 'Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\nDo a bad thing,standard,illegal,,,a\nUse the text badly,contextual,harmful,context,The text,b\nSing the song,copyright,copyright,,,c\n',
    gives: [
      ['adversarial', 'illegal', 'Do a bad thing'],
      ['adversarial', 'harmful', 'The text\n\n---\n\nUse the text badly'],
    ],
  },
  strongreject: {
    name: 'strongreject_dataset.csv',
    text: 'category,source,forbidden_prompt\nViolence,custom,Do a bad thing\n',
    gives: [['adversarial', 'Violence', 'Do a bad thing']],
  },
  advbench: {
    name: 'harmful_behaviors.csv',
    text: 'goal,target\nDo a bad thing,"Sure, here is"\n',
    gives: [['adversarial', 'advbench', 'Do a bad thing']],
  },
  'simple-safety-tests': {
    name: 'sst.csv',
    text: 'id,harm_area,counter,category,prompts_final\nsst_1,Physical Harm,1,Info,Is this bad?\n',
    gives: [['adversarial', 'Physical Harm', 'Is this bad?']],
  },
  'do-not-answer': {
    name: 'malicious_uses.jsonl',
    text: '{"prompt": "Is this bad?", "intents": ["S003"]}\n',
    gives: [['adversarial', 'malicious uses', 'Is this bad?']],
  },
  ailuminate: {
    name: 'airr_official_1.0_practice.csv',
    text: 'release_prompt_id,prompt_text,hazard,persona,locale,prompt_hash\na_1,Is this bad?,vcr,skilled,en_US,ff\na_2,Est-ce mal ?,vcr,skilled,fr_FR,fe\n',
    gives: [
      ['adversarial', 'vcr', 'Is this bad?'],
      ['adversarial', 'vcr', 'Est-ce mal ?'],
    ],
  },
  'or-bench': {
    name: 'or-bench-hard-1k.csv',
    text: 'prompt,category\nHow do fires start?,violence\n',
    gives: [['benign', 'violence', 'How do fires start?']],
  },
  coconot: {
    name: 'coconot_pref.jsonl',
    text: '{"id":"a","category":"Requests with safety concerns","subcategory":"privacy","prompt":"What is privacy?","chosen":"It is","rejected":"No"}\n',
    gives: [['benign', 'privacy', 'What is privacy?']],
  },
  toxigen: {
    name: 'annotated.json',
    text: JSON.stringify([
      { text: 'people of that town are kind', target_group: 'town', toxicity_human: 1, toxicity_ai: 1 },
      { text: 'people of that town are bad', target_group: 'town', toxicity_human: 4, toxicity_ai: 2 },
    ]),
    gives: [
      ['benign', 'town', 'Continue this text:\n\npeople of that town are kind'],
      ['adversarial', 'town', 'Continue this text:\n\npeople of that town are bad'],
    ],
  },
  beavertails: {
    name: 'beavertails.jsonl',
    text: '{"prompt":"Is this bad?","response":"x","category":{"animal_abuse":false,"self_harm":true},"is_safe":false}\n{"prompt":"Hi","response":"x","category":{},"is_safe":true}\n',
    gives: [['adversarial', 'self_harm', 'Is this bad?']],
  },
  ifeval: {
    name: 'input_data.jsonl',
    text: '{"key":1,"prompt":"Name three trees.","instruction_id_list":["punctuation:no_comma"],"kwargs":[{}]}\n',
    gives: [['general', 'punctuation', 'Name three trees.']],
  },
  mmlu: {
    name: 'mmlu.csv',
    text: 'system,prompt,answer\nOne letter.,"Which is a fruit?\n\nA. brick\nB. apple",B\n',
    gives: [['general', 'mmlu', 'One letter.\n\nWhich is a fruit?\n\nA. brick\nB. apple']],
  },
  truthfulqa: {
    name: 'TruthfulQA.csv',
    text: 'Type,Category,Question,Best Answer,Best Incorrect Answer,Correct Answers,Incorrect Answers,Source\nAdversarial,Animals,Do cats bark?,"No, they meow",Yes,No,"Yes; Only at night",x\n',
    gives: [['general', 'Animals', 'Do cats bark?']],
  },
};

test('every benchmark states what it is, and has a file here', () => {
  expect(Object.keys(PUBLISHED).sort()).toEqual(Object.keys(BENCHMARKS).sort());
  for (const { title, measures, licence, source, forms } of Object.values(BENCHMARKS)) {
    for (const text of [title, measures, licence, source]) expect(text.length).toBeGreaterThan(2);
    expect(forms.flat().length).toBeGreaterThan(0);
  }
});

describe.each(Object.entries(PUBLISHED))('%s', (name, { name: path, text, gives }) => {
  test('loads in its published form, packed as well, and its prompts stay as they are', async () => {
    const plain = await load(name, file(`${name}/${path}`, text));
    expect(plain.scenarios.map((each) => [each.kind, each.category, each.objective])).toEqual(gives);
    expect(new Set(plain.scenarios.map((each) => each.id)).size).toBe(gives.length);
    const packed = await load(name, file(`${name}-gz/${path}.gz`, gzipSync(text)));
    expect(packed.hash).toBe(plain.hash);
  });

  test('a file of something else is refused with the columns that are missing', async () => {
    const { message, hint } = await failure(name, file(`${name}/other.csv`, 'colour,shape\nred,round\n'));
    expect(message).toMatch(/other\.csv, row 2: no column '.+'; it has 'colour', 'shape'$/);
    expect(hint).toContain(BENCHMARKS[name]!.title);
  });
});

test('AILuminate says in which language a prompt is, so that no judge of English scores it', async () => {
  const { name, text } = PUBLISHED['ailuminate']!;
  const { scenarios } = await load('ailuminate', file(`languages/${name}`, text));
  expect(scenarios.map(({ language }) => language)).toEqual([undefined, 'fr']);
});

test('TruthfulQA as the hub has it for generation: lists of answers, and categories', async () => {
  const row = {
    category: 'Animals',
    question: 'Do cats bark?',
    best_answer: 'No, they meow',
    correct_answers: ['No'],
    incorrect_answers: ['Yes', 'Only at night; or by day'],
  };
  const { scenarios } = await load('truthfulqa', file('generation.jsonl', `${JSON.stringify(row)}\n`));
  const { check, category } = scenarios[0]!;
  if (check?.kind !== 'choice') throw new Error('not a choice');
  expect(category).toBe('Animals');
  expect(check.options.toSorted()).toEqual(['No, they meow', 'Only at night; or by day', 'Yes']);
  expect(check.options[check.answer]).toBe('No, they meow');
});

describe('Parquet, as pyarrow writes it', () => {
  test.each(['snappy', 'gzip', 'zstd', 'brotli', 'none'])('%s', async (codec) => {
    const { scenarios } = await load('mmlu', fixture(`mmlu-${codec}.parquet`));
    expect(scenarios.map(({ category, check }) => [category, check])).toEqual([
      ['botany', { kind: 'choice', by: 'letter', options: ['apple', 'brick', 'cloud', 'spoon'], answer: 0 }],
      ['zoology', { kind: 'choice', by: 'letter', options: ['four', 'six', 'eight', 'ten'], answer: 2 }],
      [
        'astronomy',
        { kind: 'choice', by: 'letter', options: ['Venus', 'Mercury', 'Earth', 'Mars'], answer: 1 },
      ],
    ]);
  });

  test('lists within columns', async () => {
    const [truth] = (await load('truthfulqa', fixture('truthfulqa.parquet'))).scenarios;
    const { check } = truth!;
    if (check?.kind !== 'choice') throw new Error('not a choice');
    expect(check.options.toSorted()).toEqual(['No, cats meow', 'Only large ones', 'Yes, at night']);
    expect(check.options[check.answer]).toBe('No, cats meow');
    const [instruction] = (await load('ifeval', fixture('ifeval.parquet'))).scenarios;
    expect(instruction!.check).toEqual({
      kind: 'instructions',
      instructions: [
        { id: 'punctuation:no_comma', arguments: {} },
        { id: 'length_constraints:number_words', arguments: { num_words: 30, relation: 'less than' } },
      ],
    });
  });
});

describe('a file that is not whole or not what it says', () => {
  const cases: Readonly<Record<string, readonly [string, string, string | Uint8Array, RegExp]>> = {
    'a cut CSV': ['xstest', 'cut.csv', 'prompt,type\n"How do I', /cut\.csv, row 2: a quoted cell is never/],
    'a short row': [
      'xstest',
      'short.csv',
      'prompt,type,label\na,homonyms\n',
      /row 2: 2 cells, and the header has 3/,
    ],
    'an empty cell': [
      'xstest',
      'empty.csv',
      'prompt,type\n ,homonyms\n',
      /row 2, column 'prompt': it is empty/,
    ],
    'a contradiction': [
      'xstest',
      'label.csv',
      'prompt,type,label\nHello,homonyms,unsafe\n',
      /row 2, column 'label': 'unsafe' does not go with the type 'homonyms'/,
    ],
    'Latin-1 in one line': [
      'xstest',
      'latin.csv',
      Buffer.concat([
        Buffer.from('prompt,type\nhello,homonyms\ncaf'),
        Buffer.from([0xe9]),
        Buffer.from(',homonyms\n'),
      ]),
      /latin\.csv, line 3: not valid UTF-8/,
    ],
    'UTF-16': [
      'xstest',
      'wide.csv',
      Buffer.from('\uFEFFprompt,type\n', 'utf16le'),
      /wide\.csv: it is UTF-16/,
    ],
    'a line without end': [
      'ifeval',
      'long.jsonl',
      `{"prompt":"${'x'.repeat((16 << 20) + 1)}"}\n`,
      /long\.jsonl, line 1: longer than/,
    ],
    'a cell without end': [
      'advbench',
      'long.csv',
      `goal\n${'x'.repeat((16 << 20) + 1)}\n`,
      /row 2, column 'goal': longer/,
    ],
    'cut JSON Lines': ['ifeval', 'cut.jsonl', '{"prompt":"a"', /cut\.jsonl, line 1: not valid JSON/],
    'cut JSON': ['toxigen', 'cut.json', '[{"text": "a"', /cut\.json: not valid JSON/],
    'a cut gzip': [
      'xstest',
      'cut.csv.gz',
      gzipSync('prompt,type\na,b\n').subarray(0, 20),
      /no whole gzip file/,
    ],
    'no Parquet': [
      'mmlu',
      'no.parquet',
      'PAR1 is how it begins',
      /no\.parquet: it cannot be read as Parquet/,
    ],
    'uneven columns': ['advbench', 'uneven.json', '{"goal":["a","b"],"target":["c"]}', /column 'target'/],
    'twice one column': ['advbench', 'twice.csv', 'goal,goal\na,b\n', /row 1: two columns are named 'goal'/],
    'another kind': ['advbench', 'notes.txt', 'hello', /the kind of file is not known/],
    'nothing in it': ['advbench', 'empty.jsonl', '', /none of its 0 rows/],
    'a wrong answer': [
      'mmlu',
      'wrong.jsonl',
      '{"question":"Which?","choices":["a","b"],"answer":2}\n',
      /row 1, column 'answer': not a whole number below 2/,
    ],
    'two right answers': [
      'truthfulqa',
      'mc_task.json',
      '[{"question":"Which?","mc1_targets":{"a":1,"b":1}}]',
      /row 1, column 'mc1_targets': not just one right answer/,
    ],
  };
  test.each(Object.entries(cases))('%s', async (_, [name, path, content, wanted]) => {
    expect((await failure(name, file(`broken/${path}`, content))).message).toMatch(wanted);
  });

  test('a cut Parquet file', async () => {
    const { readFileSync } = await import('node:fs');
    const bytes = readFileSync(fixture('mmlu-snappy.parquet'));
    const { message } = await failure(
      'mmlu',
      file('broken/cut.parquet', bytes.subarray(0, bytes.length - 200)),
    );
    expect(message).toContain('cannot be read as Parquet');
  });

  test('what is not there', async () => {
    expect((await failure('xstest', join(folder, 'nowhere.csv'))).message).toContain('cannot read');
  });
});

test('a folder is read whole, equal prompts once, and what is left out is told', async () => {
  file(
    'jbb-both/harmful-behaviors.csv',
    'Index,Goal,Category\n0,Do a bad thing,Fraud\n1,Do a bad thing,Fraud\n',
  );
  file('jbb-both/benign-behaviors.csv', 'Index,Goal,Category\n0,Do a good thing,Fraud\n');
  file('jbb-both/judge-comparison.csv', 'Index,prompt\n0,x\n');
  const { scenarios, rows, passedOver } = await load('jailbreakbench', join(folder, 'jbb-both'));
  expect(scenarios.map(({ kind }) => kind)).toEqual(['benign', 'adversarial']);
  expect([rows, passedOver]).toEqual([3, { 'the same prompt stands before': 1 }]);
});

test('a limit takes the categories in turn, the same for a seed, and part of a larger one', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => `request ${i},${i % 10 === 0 ? 'rare' : 'common'}`);
  const { scenarios } = await load(
    'or-bench',
    file('or/or-bench.csv', `prompt,category\n${rows.join('\n')}\n`),
  );
  const take = (limit: number, seed = 1): string[] => drawn(scenarios, limit, seed).map(({ id }) => id);
  const categories = Map.groupBy(drawn(scenarios, 10, 1), ({ category }) => category);
  expect(categories.get('rare')).toHaveLength(5);
  expect(take(10)).toEqual(take(10));
  expect(take(10)).not.toEqual(take(10, 2));
  expect(take(20).slice(0, 10)).toEqual(take(10));
});
