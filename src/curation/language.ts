/** Which language a text is in. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { eld as Detector } from 'eld/small';
import type { PreferenceExample } from '../core/records.ts';
import type { Held } from './filter.ts';

/** Codes of the languages that can be told, ISO 639-1. */
export const LANGUAGES: readonly string[] =
  'am ar az be bg bn ca cs da de el en es et eu fa fi fr gu he hi hr hu hy is it ja ka kn ko ku lo lt lv ml mr ms nl no or pa pl pt ro ru sk sl sq sr sv ta te th tl tr uk ur vi yo zh'.split(
    ' ',
  );

let loaded: typeof Detector | null = null;

/** Its tables take a quarter of a second: where no language is asked for, they stay where they are. */
function detector(): typeof Detector {
  // By its file, since the package is for `import` alone, which cannot be done at once.
  const load = createRequire(import.meta.url) as (path: string) => { eld: typeof Detector };
  loaded ??= load(fileURLToPath(import.meta.resolve('eld/small'))).eld;
  return loaded;
}

/** Letters below which nobody can tell. */
const FEW_LETTERS = 12;

// None is a frequent word of another language that is written in ASCII alone ("in", "a", "me", "so", "has", "will" are).
const ENGLISH = new Set(
  'they there these those been were who why could into than then make some other people give tell write explain need want does did before after without something someone the and of to you that with for what how this from have your are would about which when could should their because'.split(
    ' ',
  ),
);
/** Share of such words from which a text is English without further search. */
const ENGLISH_SHARE = 0.15;

const MOST_LETTERS = Math.max(...Array.from(ENGLISH, (word) => word.length));

/** Most texts of most sets are English, and this is ten times as fast. */
function isPlainEnglish(text: string): boolean {
  const folded = text.toLowerCase();
  let [words, known] = [0, 0];
  for (let start = 0, end = 0; end < folded.length; start = end + 1) {
    end = folded.indexOf(' ', start);
    if (end < 0) end = folded.length;
    const letters = end - start;
    if (letters > 1 && letters <= MOST_LETTERS && ENGLISH.has(folded.slice(start, end))) known++;
    words++;
  }
  return words >= 4 && known >= ENGLISH_SHARE * words;
}

/** Whether there are as many letters as tell a language. */
function hasLetters(text: string): boolean {
  let letters = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 128) return (text.match(/\p{L}/gu)?.length ?? 0) >= FEW_LETTERS;
    if (((code | 32) >= 97 && (code | 32) <= 122 ? ++letters : letters) === FEW_LETTERS) return true;
  }
  return false;
}

/** ISO 639-1; null where it cannot be told: hardly any letters, code, or two languages that are alike in it. */
export function languageOf(text: string): string | null {
  if (isPlainEnglish(text)) return 'en';
  if (!hasLetters(text)) return null;
  const found = detector().detect(text);
  return found.language !== '' && found.isReliable() ? found.language : null;
}

/** Characters of a text by which its language is told. */
export const TOLD_BY = 160;

/** Where prompt or chosen answer are in another language than is wanted; null: nowhere that could be told. */
export function otherLanguage(
  { prompt, chosen }: PreferenceExample,
  wanted: string,
  detect: (text: string) => string | null = languageOf,
): Held | null {
  for (const [part, text] of [
    ['prompt', prompt.at(-1)?.content],
    ['chosen', chosen[0]?.content],
  ] as const) {
    const found = detect((text ?? '').slice(0, TOLD_BY));
    // What nobody can tell is no reason.
    if (found !== null && found !== wanted)
      return { reason: `is in another language (${found})`, like: part };
  }
  return null;
}
