import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TemperError } from '../../core/errors.ts';
import { rng } from '../../core/rng.ts';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { loadSuites } from '../../scenarios/suite.ts';
import { ATTACKS, type Attack, TEMPLATE_TEXTS, attackById } from './index.ts';

const attacks: readonly (readonly [string, Attack])[] = Object.entries(ATTACKS);
const random = rng('test');

describe('the registry', () => {
  it.each(attacks)('%s states what it is', (key, attack) => {
    expect(attack.id).toBe(key);
    expect(attack.family).not.toBe('');
    expect(attack.description.length).toBeGreaterThan(10);
    expect(attack.source).not.toBe('');
    expect(attack.options.safeParse({}).success).toBe(true);
    expect(attack.options.safeParse({ surprise: 1 }).success).toBe(false);
  });

  it('has at least six converters and six templates', () => {
    const kinds = attacks.map(([, attack]) => attack.kind);
    expect(kinds.filter((kind) => kind === 'converter').length).toBeGreaterThanOrEqual(6);
    expect(kinds.filter((kind) => kind === 'template').length).toBeGreaterThanOrEqual(6);
  });

  it('agrees with the suites on every family', () => {
    for (const suite of loadSuites(BUILT_IN.suites)) {
      for (const { id, family } of suite.arms.flatMap((arm) => arm.attacks ?? [])) {
        expect(attackById(id).family).toBe(family);
      }
    }
  });

  it('refuses an unknown id, also one of Object.prototype', () => {
    expect(() => attackById('crescendo')).toThrow(TemperError);
    expect(() => attackById('toString')).toThrow(TemperError);
  });
});

describe('converters', () => {
  it.each([
    ['base64', 'SGVsbG8sIFdvcmxkIDIwMjQh'],
    ['rot13', 'Uryyb, Jbeyq 2024!'],
    ['flip', '!4202 dlroW ,olleH'],
    ['leetspeak', 'H3ll0, W0rld 2024!'],
    ['character-spacing', 'H e l l o ,   W o r l d   2 0 2 4 !'],
  ])('%s gives its vector', (id, expected) => {
    expect(attackById(id).apply('Hello, World 2024!', random)).toBe(expected);
  });

  it('maps the whole leetspeak table (a4 e3 i1 o0 s5 t7), capitals included', () => {
    expect(attackById('leetspeak').apply('aeiost AEIOST', random)).toBe('431057 431057');
  });

  it('homoglyph leaves no Latin letter of its table', () => {
    expect(attackById('homoglyph').apply('peace', random)).not.toMatch(/[a-z]/);
  });

  it.each(attacks.filter(([, attack]) => attack.decode !== undefined))(
    '%s is undone by decode',
    (id, attack) => {
      // Cyrillic input would come back as Latin, so homoglyphs are promised for ASCII alone.
      const text =
        id === 'homoglyph'
          ? fc.string()
          : fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());
      fc.assert(
        fc.property(text, (plain) => attack.decode!(attack.apply(plain, random)) === plain),
        { numRuns: 50 },
      );
    },
  );
});

describe('templates', () => {
  it.each(attacks.filter(([, attack]) => attack.kind === 'template'))(
    '%s holds the request once, whatever it is',
    (_, attack) => {
      fc.assert(
        fc.property(fc.string({ minLength: 1 }), fc.integer(), (plain, seed) => {
          const text = attack.apply(plain, rng(seed));
          const variants = TEMPLATE_TEXTS[attack.id]!;
          return variants.some((variant) => variant.split('{request}').join(plain) === text);
        }),
      );
    },
  );

  it('have no template without an attack', () => {
    expect(Object.keys(TEMPLATE_TEXTS).filter((id) => !Object.hasOwn(ATTACKS, id))).toEqual([]);
  });
});
