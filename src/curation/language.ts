/** Which language a text is in. */
import { eld } from 'eld/small';

/** Codes of the languages that can be told, ISO 639-1. */
export const LANGUAGES: readonly string[] = Object.values(eld.info().Languages as Record<string, string>);

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
  const found = eld.detect(text);
  return found.language !== '' && found.isReliable() ? found.language : null;
}
