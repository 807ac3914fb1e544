/**
 * IFEval's instructions (Zhou et al. 2023, arXiv 2311.07911), checked by program in its strict reading: the answer as it is.
 * Where the publishers use a model (the language of a text) or a trained splitter (sentences), this says what it can tell
 * without one, and is unsure about the rest.
 */

/** undefined: it cannot be told. */
type Followed = boolean | undefined;
type Arguments = Readonly<Record<string, unknown>>;
type Checker = (answer: string, given: Arguments) => Followed;

/** Arguments that are not what the instruction needs. */
class BadArgument extends Error {}

function text(given: Arguments, name: string): string {
  const value = given[name];
  if (typeof value !== 'string') throw new BadArgument(name);
  return value;
}

function number(given: Arguments, name: string): number {
  const value = given[name];
  if (typeof value !== 'number') throw new BadArgument(name);
  return value;
}

function texts(given: Arguments, name: string): string[] {
  const value = given[name];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) throw new BadArgument(name);
  return value;
}

function compared(count: number, given: Arguments, limit: string, relation = 'relation'): boolean {
  const how = text(given, relation);
  if (how === 'less than') return count < number(given, limit);
  if (how === 'at least') return count >= number(given, limit);
  throw new BadArgument(relation);
}

/** The publishers take keywords for patterns; as text they mean the same and cannot run away. */
const literal = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const occurrences = (answer: string, word: string): number =>
  answer.match(new RegExp(literal(word), 'giu'))?.length ?? 0;

const words = (answer: string): string[] => answer.match(/[\p{L}\p{N}\p{M}_]+/gu) ?? [];

/** Abbreviations after which a full stop ends no sentence. */
const ABBREVIATION = /(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|vs|etc|e\.g|i\.e|No|Inc|Ltd|Co|[A-Z])\.$/;

function sentences(answer: string): number {
  const parts = answer.replace(/\s+/g, ' ').split(/(?<=[.!?]["')\]]*) (?=["'([]*[\p{Lu}\p{N}])/u);
  let count = 0;
  let open = '';
  for (const part of parts) {
    open = open === '' ? part : `${open} ${part}`;
    if (ABBREVIATION.test(open)) continue;
    if (open.trim() !== '') count++;
    open = '';
  }
  return count + (open.trim() === '' ? 0 : 1);
}

/** Scripts by language code, and whether a script is of that language alone among those that IFEval asks for. */
const SCRIPTS: Readonly<Record<string, readonly [script: string, alone: boolean]>> = {
  ko: ['Hangul', true],
  th: ['Thai', true],
  ta: ['Tamil', true],
  te: ['Telugu', true],
  kn: ['Kannada', true],
  gu: ['Gujarati', true],
  pa: ['Gurmukhi', true],
  bn: ['Bengali', true],
  hi: ['Devanagari', false],
  mr: ['Devanagari', false],
  ne: ['Devanagari', false],
  ar: ['Arabic', false],
  fa: ['Arabic', false],
  ur: ['Arabic', false],
  ru: ['Cyrillic', false],
  bg: ['Cyrillic', false],
  uk: ['Cyrillic', false],
};

/** By script: another one is another language; the same one tells only where no other language has it. */
function inLanguage(answer: string, language: string): Followed {
  const letters = answer.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return true; // as the publishers do where nothing can be told
  const [script, alone] = SCRIPTS[language] ?? ['Latin', false];
  const inScript = answer.match(new RegExp(`\\p{Script=${script}}`, 'gu'))?.length ?? 0;
  if (inScript / letters < 0.5) return false;
  return alone && inScript / letters > 0.8 ? true : undefined;
}

/** English by its commonest words; what has none of them may still be English. */
const COMMON = new Set('the of and to a in is that it for on with as are this you i not or be an'.split(' '));
function inEnglish(answer: string): Followed {
  if (inLanguage(answer, 'en') === false) return false;
  const all = words(answer.toLowerCase());
  const share = all.filter((word) => COMMON.has(word)).length / Math.max(1, all.length);
  return share > 0.12 ? true : undefined;
}

/** Both must hold; a clear no of one decides. */
const both = (a: Followed, b: Followed): Followed =>
  a === false || b === false ? false : a === undefined || b === undefined ? undefined : true;

const hasLetter = (answer: string): boolean => /\p{L}/u.test(answer);

function filledParts(parts: readonly string[]): string[] | null {
  const inner = parts.slice(1, -1);
  return inner.some((part) => part.trim() === '') ? null : parts.filter((part) => part.trim() !== '');
}

function postscript(answer: string, marker: string): boolean {
  const lower = answer.toLowerCase();
  if (marker === 'P.P.S') return /p\.\s?p\.\s?s/.test(lower);
  if (marker === 'P.S.') return /p\.\s?s\./.test(lower);
  return lower.includes(marker.toLowerCase());
}

function nthParagraph(answer: string, given: Arguments): boolean {
  const paragraphs = answer.split('\n\n');
  const count = paragraphs.filter((part) => part.trim() !== '').length;
  const nth = number(given, 'nth_paragraph');
  if (nth > count) return false;
  const first = (paragraphs[nth - 1] ?? '').trim().split(/\s+/)[0] ?? '';
  const word = (/^[^.,?!'"]*/.exec(first.replace(/^'+/, '').replace(/^"+/, ''))?.[0] ?? '').toLowerCase();
  return count === number(given, 'num_paragraphs') && word === text(given, 'first_word').toLowerCase();
}

function isJson(answer: string): boolean {
  const body = answer
    .trim()
    .replace(/^```(?:json|Json|JSON)?/, '')
    .replace(/```$/, '')
    .trim();
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}

function highlights(answer: string): number {
  const filled = (found: readonly string[] | null): number =>
    (found ?? []).filter((each) => each.replace(/^\*+|\*+$/g, '').trim() !== '').length;
  return filled(answer.match(/\*[^\n*]*\*/g)) + filled(answer.match(/\*\*[^\n*]*\*\*/g));
}

const ANSWERS = ['My answer is yes.', 'My answer is no.', 'My answer is maybe.'];

export const INSTRUCTIONS: Readonly<Record<string, Checker>> = {
  'keywords:existence': (answer, given) =>
    texts(given, 'keywords').every((word) => occurrences(answer, word) > 0),
  'keywords:frequency': (answer, given) =>
    compared(occurrences(answer, text(given, 'keyword').trim()), given, 'frequency'),
  'keywords:forbidden_words': (answer, given) =>
    !texts(given, 'forbidden_words').some((word) =>
      new RegExp(`(?<![\\p{L}\\p{N}_])${literal(word)}(?![\\p{L}\\p{N}_])`, 'iu').test(answer),
    ),
  'keywords:letter_frequency': (answer, given) => {
    const letter = text(given, 'letter').trim().toLowerCase();
    return compared(answer.toLowerCase().split(letter).length - 1, given, 'let_frequency', 'let_relation');
  },
  'language:response_language': (answer, given) => {
    const language = text(given, 'language');
    return language === 'en' ? inEnglish(answer) : inLanguage(answer, language);
  },
  'length_constraints:number_sentences': (answer, given) =>
    compared(sentences(answer), given, 'num_sentences'),
  'length_constraints:number_paragraphs': (answer, given) =>
    filledParts(answer.split(/\s?\*\*\*\s?/))?.length === number(given, 'num_paragraphs'),
  'length_constraints:number_words': (answer, given) => compared(words(answer).length, given, 'num_words'),
  'length_constraints:nth_paragraph_first_word': nthParagraph,
  'detectable_content:number_placeholders': (answer, given) =>
    (answer.match(/\[.*?\]/g)?.length ?? 0) >= number(given, 'num_placeholders'),
  'detectable_content:postscript': (answer, given) =>
    postscript(answer, text(given, 'postscript_marker').trim()),
  'detectable_format:number_bullet_lists': (answer, given) =>
    answer.split('\n').filter((line) => /^\s*(?:\*[^*]|-)/.test(line)).length ===
    number(given, 'num_bullets'),
  'detectable_format:constrained_response': (answer) => ANSWERS.some((each) => answer.includes(each)),
  'detectable_format:number_highlighted_sections': (answer, given) =>
    highlights(answer) >= number(given, 'num_highlights'),
  'detectable_format:multiple_sections': (answer, given) =>
    answer.split(new RegExp(`\\s?${literal(text(given, 'section_spliter').trim())}\\s?\\d+\\s?`)).length -
      1 >=
    number(given, 'num_sections'),
  'detectable_format:json_format': isJson,
  'detectable_format:title': (answer) =>
    (answer.match(/<<[^\n]+>>/g) ?? []).some((title) => title.replace(/^<+|>+$/g, '').trim() !== ''),
  'combination:two_responses': (answer) => {
    const parts = filledParts(answer.split('******'));
    return parts?.length === 2 && parts[0]!.trim() !== parts[1]!.trim();
  },
  'combination:repeat_prompt': (answer, given) =>
    answer.trim().toLowerCase().startsWith(text(given, 'prompt_to_repeat').trim().toLowerCase()),
  'startend:end_checker': (answer, given) =>
    answer
      .trim()
      .replace(/^"+|"+$/g, '')
      .toLowerCase()
      .endsWith(text(given, 'end_phrase').trim().toLowerCase()),
  'startend:quotation': (answer) => /^".*"$/s.test(answer.trim()) && answer.trim().length > 1,
  'change_case:capital_word_frequency': (answer, given) =>
    compared(
      words(answer).filter((word) => hasLetter(word) && word === word.toUpperCase()).length,
      given,
      'capital_frequency',
      'capital_relation',
    ),
  'change_case:english_capital': (answer) =>
    both(hasLetter(answer) && answer === answer.toUpperCase(), inEnglish(answer.toLowerCase())),
  'change_case:english_lowercase': (answer) =>
    both(hasLetter(answer) && answer === answer.toLowerCase(), inEnglish(answer)),
  'punctuation:no_comma': (answer) => !answer.includes(','),
};

export interface Instruction {
  readonly id: string;
  readonly arguments: Arguments;
}

/** Whether an answer follows all of them; undefined where one cannot be told and none is broken. */
export function followsAll(answer: string, instructions: readonly Instruction[]): Followed {
  // An empty answer follows nothing.
  if (answer.trim() === '') return false;
  return instructions.map((each) => follows(answer, each)).reduce(both, true);
}

/** Whether an answer follows an instruction; undefined: unknown instruction, bad arguments, or beyond this program. */
export function follows(answer: string, { id, arguments: given }: Instruction): Followed {
  const checker = Object.hasOwn(INSTRUCTIONS, id) ? INSTRUCTIONS[id] : undefined;
  try {
    return checker?.(answer, given);
  } catch (thrown) {
    if (thrown instanceof BadArgument) return undefined;
    throw thrown;
  }
}
