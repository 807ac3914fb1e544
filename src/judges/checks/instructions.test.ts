import { describe, expect, test } from 'vitest';
import { follows, followsAll, INSTRUCTIONS } from './instructions.ts';

/** Answers that follow an instruction, that do not, and that cannot be told. By hand, from the rules of the publishers. */
const CASES: Readonly<
  Record<string, { given?: Record<string, unknown>; yes?: string[]; no?: string[]; unsure?: string[] }>
> = {
  'keywords:existence': {
    given: { keywords: ['tree', 'c++'] },
    yes: ['A Tree in C++.'],
    no: ['A tree in ccc'],
  },
  'keywords:frequency': {
    given: { keyword: 'oak', frequency: 2, relation: 'at least' },
    yes: ['oak, Oak'],
    no: ['one oak'],
  },
  'keywords:forbidden_words': {
    given: { forbidden_words: ['rain', 'élan'] },
    yes: ['A train in Spain.', 'élancé'],
    no: ['The rain.', 'Un ÉLAN.'],
  },
  'keywords:letter_frequency': {
    given: { letter: '#', let_frequency: 3, let_relation: 'less than' },
    yes: ['# one # two'],
    no: ['###'],
  },
  'language:response_language': {
    given: { language: 'ko' },
    yes: ['안녕하세요 반갑습니다'],
    no: ['Hello there'],
  },
  'length_constraints:number_sentences': {
    given: { num_sentences: 3, relation: 'less than' },
    yes: ['Dr. Smith came at 3.5 o’clock. He left!'],
    no: ['One. Two. Three.'],
  },
  'length_constraints:number_paragraphs': {
    given: { num_paragraphs: 2 },
    yes: ['One\n***\nTwo', '***\nOne\n***\nTwo\n***'],
    no: ['One', 'One\n***\n\n***\nTwo', 'One *** Two *** Three'],
  },
  'length_constraints:number_words': {
    given: { num_words: 3, relation: 'at least' },
    yes: ['one two three', "it's fine"],
    no: ['one two'],
  },
  'length_constraints:nth_paragraph_first_word': {
    given: { num_paragraphs: 2, nth_paragraph: 2, first_word: 'Second' },
    yes: ['First one.\n\n"Second, of all.'],
    no: ['Second.\n\nFirst', 'One\n\nSecond\n\nThree'],
  },
  'detectable_content:number_placeholders': {
    given: { num_placeholders: 2 },
    yes: ['[name] lives in [city]'],
    no: ['[name]'],
  },
  'detectable_content:postscript': {
    given: { postscript_marker: 'P.P.S' },
    yes: ['Bye.\np. p.s. more', 'P.P.S. more'],
    no: ['P.S. more'],
  },
  'detectable_format:number_bullet_lists': {
    given: { num_bullets: 2 },
    yes: ['* one\n  - two', '- a\n- b'],
    no: ['* one', '**bold**\n* one'],
  },
  'detectable_format:constrained_response': { yes: ['My answer is yes.'], no: ['Yes.'] },
  'detectable_format:number_highlighted_sections': {
    given: { num_highlights: 2 },
    yes: ['*one* and *two*'],
    no: ['*one*', '** ** and * *'],
  },
  'detectable_format:multiple_sections': {
    given: { section_spliter: 'Section', num_sections: 2 },
    yes: ['Section 1\nhello\nSection 2\nbye'],
    no: ['Section 1'],
  },
  'detectable_format:json_format': { yes: ['```json\n{"a": 1}\n```', '[1]'], no: ['{a: 1}'] },
  'detectable_format:title': { yes: ['<<A title>>\ntext'], no: ['<< >>', '<A title>'] },
  'combination:two_responses': {
    yes: ['One\n******\nTwo'],
    no: ['One', 'One\n******\nOne', 'One\n******\nTwo\n******\nThree'],
  },
  'combination:repeat_prompt': {
    given: { prompt_to_repeat: 'Name a tree.' },
    yes: ['name a tree. An oak.'],
    no: ['An oak. Name a tree.'],
  },
  'startend:end_checker': {
    given: { end_phrase: 'Is that all?' },
    yes: ['Hello. "is that all?"'],
    no: ['Is that all? Yes.'],
  },
  'startend:quotation': { yes: ['"Hello\nthere"'], no: ['"', 'Hello'] },
  'change_case:capital_word_frequency': {
    given: { capital_frequency: 2, capital_relation: 'at least' },
    yes: ['THIS IS it'],
    no: ['This is IT'],
  },
  'change_case:english_capital': {
    yes: ['THE OAK IS A TREE AND IT IS OLD.'],
    no: ['The oak is a tree.', '12', 'ДУБ ЭТО ДЕРЕВО'],
    unsure: ['EICHE, BUCHE'],
  },
  'change_case:english_lowercase': {
    yes: ['the oak is a tree and it is old.'],
    no: ['The oak is a tree.'],
    unsure: ['eiche, buche'],
  },
  'punctuation:no_comma': { yes: ['No such mark.'], no: ['One, two'] },
};

test('every instruction has cases', () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(INSTRUCTIONS).sort());
});

describe.each(Object.entries(CASES))('%s', (id, { given = {}, yes = [], no = [], unsure = [] }) => {
  test.each([
    ...yes.map((answer) => [answer, true] as const),
    ...no.map((answer) => [answer, false] as const),
    ...unsure.map((answer) => [answer, undefined] as const),
  ])('%j', (answer, wanted) => {
    expect(follows(answer, { id, arguments: given })).toBe(wanted);
  });
});

test('a language that shares its script is not told, another script is no', () => {
  const ask = (language: string, answer: string) =>
    follows(answer, { id: 'language:response_language', arguments: { language } });
  expect(ask('hi', 'नमस्ते दुनिया')).toBeUndefined();
  expect(ask('hi', 'Hello world')).toBe(false);
  expect(ask('de', 'Guten Tag')).toBeUndefined();
  expect(ask('en', 'This is the answer to that.')).toBe(true);
});

test('all must be followed; one that cannot be told leaves the answer unscored, unless another is broken', () => {
  const comma = { id: 'punctuation:no_comma', arguments: {} };
  const german = { id: 'language:response_language', arguments: { language: 'de' } };
  expect(followsAll('Guten Tag', [comma, german])).toBeUndefined();
  expect(followsAll('Guten, Tag', [comma, german])).toBe(false);
  expect(followsAll('Good day', [comma])).toBe(true);
  expect(followsAll(' ', [comma])).toBe(false);
});

test('an unknown instruction, or one without its arguments, is not scored', () => {
  expect(follows('x', { id: 'poetry:rhyme', arguments: {} })).toBeUndefined();
  expect(follows('x', { id: 'constructor', arguments: {} })).toBeUndefined();
  expect(follows('x', { id: 'keywords:existence', arguments: { keywords: 'tree' } })).toBeUndefined();
  expect(
    follows('x', {
      id: 'length_constraints:number_words',
      arguments: { num_words: 2, relation: 'about' },
    }),
  ).toBeUndefined();
});
