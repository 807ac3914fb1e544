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

/** Most texts of most sets are English, and this is ten times as fast. */
function isPlainEnglish(text: string): boolean {
  const words = text.toLowerCase().split(' ');
  let known = 0;
  for (const word of words) if (ENGLISH.has(word)) known++;
  return words.length >= 4 && known >= ENGLISH_SHARE * words.length;
}

/** ISO 639-1; null where it cannot be told: hardly any letters, code, or two languages that are alike in it. */
export function languageOf(text: string): string | null {
  if (isPlainEnglish(text)) return 'en';
  if ((text.match(/\p{L}/gu)?.length ?? 0) < FEW_LETTERS) return null;
  const found = eld.detect(text);
  return found.language !== '' && found.isReliable() ? found.language : null;
}
