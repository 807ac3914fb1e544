import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PreferenceExample } from '../core/records.ts';
import { preferenceExample } from './example.ts';
import { findPrivate, ibanIsValid, luhn, withholdPrivate } from './private-data.ts';

/** Put together here, so that no scanner of repositories takes them for secrets. */
const joined = (...parts: string[]): string => parts.join('');

test.each([
  ['an e-mail address', 'write to jane.doe+list@mail.acme.co.uk, please'],
  ['a card number', 'pay with 4111 1111 1111 1111 today'],
  ['an IBAN', 'send it to DE89 3704 0044 0532 0130 00 THANKS'],
  ['an IBAN', 'GB82WEST12345698765432'],
  ['a phone number', 'call +49 30 901820 now'],
  ['a phone number', 'call (212) 736-5000 now'],
  ['an IP address', 'log in at 93.184.216.34'],
  ['a private key', joined('-----BEGIN RSA PRIV', 'ATE KEY-----')],
  ['a secret key', joined('AKIA', 'ABCDEFGHIJKLMNOP')],
  ['a secret key', joined('ghp_', 'a1'.repeat(18))],
  ['a secret key', joined('sk-ant-', 'x1'.repeat(20))],
])('finds %s in: %s', (kind, text) => {
  expect(findPrivate(text)?.kind).toBe(kind);
  expect(findPrivate(`and ${text}`)!.at).toBe(findPrivate(text)!.at + 4);
});

test.each([
  'jane@example.com and user@host.test',
  '4111 1111 1111 1112 has a wrong digit',
  'DE88 3704 0044 0532 0130 00 has a wrong checksum',
  'dial 555-0123 or (212) 555-0123 in films',
  'ping 127.0.0.1, 192.168.0.17, 10.20.30.40 or 203.0.113.9; version 1.2.3.4; 999.10.20.30',
  'In 1984-1985, 1,000,000 people; 3.14159; 2024-05-17; 0123456789; 12:30:45',
  'sk-learn, a task-oriented eye: eyJust, AKIA',
  'a @mention and a@b',
])('leaves alone: %s', (text) => {
  expect(findPrivate(text)).toBeNull();
});

test('checksums: one changed digit is seen', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 1, max: 9 }), (at, by) => {
      const digits = [...'4111111111111111'];
      digits[at] = String((Number(digits[at]) + by) % 10);
      expect(luhn(digits.join(''))).toBe(false);
      const iban = [...'DE89370400440532013000'];
      iban[at + 4] = String((Number(iban[at + 4]) + by) % 10);
      expect(ibanIsValid(iban.join(''))).toBe(false);
    }),
  );
  expect(luhn('79927398713')).toBe(true);
});

test('an example is held back with kind and place, and what it is stands nowhere', () => {
  const make = (rejected: string): PreferenceExample =>
    preferenceExample({
      prompt: [{ role: 'user', content: 'Where does she live?' }],
      chosen: [{ role: 'assistant', content: 'I do not give that away.' }],
      rejected: [{ role: 'assistant', content: rejected }],
      purpose: 'harm',
      category: 'imported',
      lineage: { source: 'import', chosenBy: 'import', rejectedBy: 'import' },
    });
  const [good, bad] = [make('No idea.'), make('Ask j.roe@acme.io, she knows.')];
  const { passed, quarantined } = withholdPrivate([good, bad]);
  expect(passed).toEqual([good]);
  expect(quarantined).toEqual([
    { example: bad.id, reason: 'holds an e-mail address', like: 'rejected, message 1, character 5' },
  ]);
});

test('runs of what keys begin with do not take long', () => {
  const started = process.cpuUsage();
  for (const part of ['sk-', '-eyJ', 'SG.', 'a@a.', '+1 (', 'DE12 '])
    expect(findPrivate(part.repeat(100_000))).toBeNull();
  // Quadratic search took minutes.
  expect(process.cpuUsage(started).user).toBeLessThan(5_000_000);
  const token = `eyJ${'a'.repeat(30)}.eyJ${'b'.repeat(30)}.${'c'.repeat(43)}`;
  for (const text of [`Bearer ${token}`, `{"token":"${token}"}`, `token=${token}`])
    expect(findPrivate(text)?.kind).toBe('a secret key');
});
