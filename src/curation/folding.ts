/** Text as a reader sees it, whatever characters spell it: what evades a comparison of words is folded away. */

/** Characters that look like a Latin letter and are none after NFKD, and the digits and signs of leetspeak. */
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: 'аαɑ4@',
    b: 'вβ',
    c: 'сϲ',
    d: 'ԁđ',
    e: 'еεҽ3',
    g: 'ɡց',
    h: 'һн',
    i: 'іιıӏ1',
    j: 'јϳ',
    k: 'кκ',
    l: 'łⅼ',
    m: 'м',
    n: 'ոпη',
    o: 'оοօø0',
    p: 'рρ',
    q: 'ԛ',
    s: 'ѕ5$',
    t: 'тτ7',
    u: 'υսц',
    v: 'ѵν',
    w: 'ԝω',
    x: 'хχ',
    y: 'уүγ',
  }).flatMap(([latin, others]) => Array.from(others, (other) => [other, latin] as const)),
);
const LOOK_ALIKE = new RegExp(`[${[...LOOK_ALIKES.keys()].join('')}]`, 'gu');

export const ASCII = /^[\0-\x7f]*$/;
const ASCII_LOOK_ALIKE = /[013457@$]/g;

/**
 * Lower-case words with single spaces between them: compatibility forms, accents, characters without width, look-alike
 * letters and punctuation are gone. Not for reading: digits become letters too.
 */
export function folded(text: string): string {
  // Most texts; the same, several times as fast.
  if (ASCII.test(text))
    return text
      .toLowerCase()
      .replace(ASCII_LOOK_ALIKE, (character) => LOOK_ALIKES.get(character) as string)
      .replace(/[^a-z0-9]+/g, ' ')
      .trim();
  return text
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}]+/gu, '')
    .toLowerCase()
    .replace(LOOK_ALIKE, (character) => LOOK_ALIKES.get(character) as string)
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** By code what a character of ASCII is folded to; 0: it parts words. */
export const FOLDED_ASCII: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const to = folded(String.fromCharCode(code));
  return to === '' ? 0 : to.charCodeAt(0);
});
