/**
 * Personal data and secrets in texts: what a model must not learn by heart. Only what its form, and where there is one
 * its checksum, shows: names and street addresses are not found. Nothing that was found is repeated anywhere.
 */
import type { PreferenceExample } from '../core/records.ts';
import type { Quarantined } from './firewall.ts';

export interface PrivateData {
  readonly kind: string;
  /** Of its first character, from 0. */
  readonly at: number;
}

interface Pattern {
  readonly kind: string;
  readonly pattern: RegExp;
  /** What must be in a text before it is searched: most texts have nothing of it. */
  readonly needs: RegExp;
  /** Whether a match is what it looks like. */
  accepts?(match: string): boolean;
}

const digitsOf = (text: string): string => text.replace(/\D/g, '');

/** ISO/IEC 7812-1, annex B. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return digits.length > 0 && sum % 10 === 0;
}

/** ISO 13616: the first four characters last, letters as 10 to 35, and the rest by 97 is 1. */
export function ibanIsValid(text: string): boolean {
  const iban = text.replace(/[ -]/g, '');
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(iban)) return false;
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4))
    for (const digit of String(Number.parseInt(character, 36))) rest = (rest * 10 + Number(digit)) % 97;
  return rest === 1;
}

/** Private, local, reserved for documentation (RFC 5737), or no address: nobody's. */
function isPublicAddress(text: string): boolean {
  const parts = text.split('.').map(Number);
  const [a, b, c] = parts as [number, number, number];
  if (parts.some((part) => part > 255)) return false;
  return !(
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 192 && b === 0 && c === 2) ||
    (a === 198 && b === 51 && c === 100) ||
    (a === 203 && b === 0 && c === 113) ||
    // 1.2.3.4 and 8.8.8.8 stand for any address, as do versions of software with four parts.
    parts.every((part) => part < 10)
  );
}

/** Lengths and first digits of the large issuers, so that few other numbers pass. */
const CARD = /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|6\d{15,18})$/;
/** Domains that RFC 2606 keeps for examples. */
const EXAMPLE_DOMAIN =
  /@(?:[\w-]+\.)*(?:example\.(?:com|org|net)|(?:[\w-]+\.)?(?:example|test|invalid|localhost))$/i;
/** Numbers that are kept for films and books: 555-0100 to 555-0199. */
const FICTIONAL_PHONE = /55501\d{2}$/;

const PATTERNS: readonly Pattern[] = [
  {
    kind: 'a private key',
    needs: /PRIVATE KEY/,
    pattern: /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/g,
  },
  {
    kind: 'a secret key',
    // No run of characters is looked through from each of its places: hostile texts would take days.
    needs: /AKIA|ASIA|gh[opsu]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_live_|rk_live_|AIza|hf_|npm_|SG\.|eyJ/,
    pattern:
      /\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[opsu]_[A-Za-z0-9]{36}|github_pat_\w{60,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{20,}|sk-[\w-]{32,}|[sr]k_live_[A-Za-z0-9]{20,}|AIza[\w-]{35}|hf_[A-Za-z]{34}|npm_[A-Za-z0-9]{36}|SG\.[\w-]{22}\.[\w-]{43}|(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,})/g,
    accepts: (match) => !match.startsWith('sk-') || /\d/.test(match),
  },
  {
    kind: 'an e-mail address',
    needs: /@/,
    pattern: /\b[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b/gi,
    accepts: (match) => !EXAMPLE_DOMAIN.test(match),
  },
  {
    kind: 'a card number',
    needs: /\d{4}/,
    pattern: /(?<![\d.])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\d.]\d|\d)/g,
    accepts: (match) => {
      const digits = digitsOf(match);
      return CARD.test(digits) && luhn(digits);
    },
  },
  {
    kind: 'an IBAN',
    needs: /[A-Z]{2}\d{2}/,
    pattern: /\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/g,
    accepts: (match) => {
      // A capital word may follow: what is left without it counts.
      for (let text = match; text.length >= 15; text = text.replace(/[ -]?[A-Z0-9]+$/, ''))
        if (ibanIsValid(text)) return true;
        else if (!/[ -]/.test(text)) return false;
      return false;
    },
  },
  {
    kind: 'a phone number',
    needs: /\d{3}/,
    pattern:
      /(?<![\w.+])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,12}|(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4})(?![\d-])/g,
    accepts: (match) => !FICTIONAL_PHONE.test(digitsOf(match)),
  },
  {
    kind: 'an IP address',
    needs: /\d\.\d/,
    pattern: /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/g,
    accepts: isPublicAddress,
  },
];

/** The first piece of personal data or secret of a text, in the order of the kinds; null if none is seen. */
export function findPrivate(text: string): PrivateData | null {
  for (const { kind, needs, pattern, accepts } of PATTERNS) {
    if (!needs.test(text)) continue;
    for (const match of text.matchAll(pattern))
      if (accepts?.(match[0]) ?? true) return { kind, at: match.index };
  }
  return null;
}

function placeIn(
  part: string,
  messages: PreferenceExample['prompt'],
): { kind: string; place: string } | null {
  for (const [index, { content }] of messages.entries()) {
    const found = findPrivate(content);
    if (found) return { kind: found.kind, place: `${part}, message ${index + 1}, character ${found.at + 1}` };
  }
  return null;
}

/** Where an example has any, in words; null if it has none. */
export function placeOfPrivate({
  prompt,
  chosen,
  rejected,
}: PreferenceExample): { kind: string; place: string } | null {
  return placeIn('prompt', prompt) ?? placeIn('chosen', chosen) ?? placeIn('rejected', rejected);
}

/** Splits examples into those without personal data and those with: kind and place are told, and not what it is. */
export function withholdPrivate(
  examples: Iterable<PreferenceExample>,
  searched: (example: PreferenceExample) => boolean = () => true,
): { passed: PreferenceExample[]; quarantined: Quarantined[] } {
  const passed: PreferenceExample[] = [];
  const quarantined: Quarantined[] = [];
  for (const example of examples) {
    const found = searched(example) ? placeOfPrivate(example) : null;
    if (!found) passed.push(example);
    else quarantined.push({ example: example.id, reason: `holds ${found.kind}`, like: found.place });
  }
  return { passed, quarantined };
}
