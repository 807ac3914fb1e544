/**
 * Converters: the request in another spelling, so that a filter of words no longer matches ("mismatched
 * generalization", Wei et al. 2023, arXiv 2307.02483). No model is needed.
 */
import { z } from 'zod';
import type { Attack } from './attack.ts';

const none = z.strictObject({});

/** Each leet digit stands for one letter; capitals are lost, so decoding gives lower case. */
const LEET: Readonly<Record<string, string>> = { a: '4', e: '3', i: '1', o: '0', s: '5', t: '7' };

/** Latin letters and the Cyrillic or Greek ones that look the same. */
const HOMOGLYPHS: Readonly<Record<string, string>> = {
  a: 'а',
  c: 'с',
  e: 'е',
  i: 'і',
  j: 'ј',
  o: 'о',
  p: 'р',
  s: 'ѕ',
  x: 'х',
  y: 'у',
  A: 'А',
  B: 'В',
  C: 'С',
  E: 'Е',
  H: 'Н',
  I: 'І',
  K: 'К',
  M: 'М',
  O: 'О',
  P: 'Р',
  S: 'Ѕ',
  T: 'Т',
  X: 'Х',
};
const FROM_HOMOGLYPHS = Object.fromEntries(
  Object.entries(HOMOGLYPHS).map(([latin, glyph]) => [glyph, latin]),
);

const mapCharacters = (text: string, map: Readonly<Record<string, string>>): string =>
  Array.from(text, (character) => map[character] ?? character).join('');

const rotate13 = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => {
    const base = letter <= 'Z' ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base);
  });

const reverse = (text: string): string => Array.from(text).reverse().join('');

export const base64: Attack = {
  id: 'base64',
  family: 'encoding',
  kind: 'converter',
  description: 'The request as the Base64 of its UTF-8 bytes.',
  source: 'Wei et al. 2023 (Jailbroken); PyRIT Base64Converter',
  options: none,
  apply: (plain) => Buffer.from(plain, 'utf8').toString('base64'),
  decode: (converted) => Buffer.from(converted, 'base64').toString('utf8'),
};

export const rot13: Attack = {
  id: 'rot13',
  family: 'encoding',
  kind: 'converter',
  description: 'Each Latin letter moved by thirteen places.',
  source: 'Wei et al. 2023 (Jailbroken); PyRIT ROT13Converter',
  options: none,
  apply: rotate13,
  decode: rotate13,
};

export const leetspeak: Attack = {
  id: 'leetspeak',
  family: 'look-alike-letters',
  kind: 'converter',
  description: 'Vowels and some consonants as digits: a4 e3 i1 o0 s5 t7.',
  source: 'Wei et al. 2023 (Jailbroken); PyRIT LeetspeakConverter',
  options: none,
  apply: (plain) => plain.replace(/[aeiost]/gi, (letter) => LEET[letter.toLowerCase()] ?? letter),
};

export const homoglyph: Attack = {
  id: 'homoglyph',
  family: 'look-alike-letters',
  kind: 'converter',
  description: 'Latin letters replaced by Cyrillic ones of the same shape.',
  source: 'PyRIT UnicodeConfusableConverter (idea), own table',
  options: none,
  // Cyrillic input would come back as Latin.
  alphabet: Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join(''),
  apply: (plain) => mapCharacters(plain, HOMOGLYPHS),
  decode: (converted) => mapCharacters(converted, FROM_HOMOGLYPHS),
};

export const characterSpacing: Attack = {
  id: 'character-spacing',
  family: 'reordering',
  kind: 'converter',
  description: 'A space between any two characters.',
  source: 'PyRIT CharacterSpaceConverter',
  options: none,
  apply: (plain) => Array.from(plain).join(' '),
  // Every second character is one of the original.
  decode: (converted) =>
    Array.from(converted)
      .filter((_, index) => index % 2 === 0)
      .join(''),
};

export const flip: Attack = {
  id: 'flip',
  family: 'reordering',
  kind: 'converter',
  description: 'The characters of the request in reverse order.',
  source: 'PyRIT FlipConverter; Liu et al. 2024 (FlipAttack)',
  options: none,
  apply: reverse,
  decode: reverse,
};
