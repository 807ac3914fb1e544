import { describe, expect, it } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { rng } from '../core/rng.ts';
import { BUILT_IN } from '../scenarios/built-in.ts';
import { loadTaxonomy } from '../scenarios/taxonomy.ts';
import { createWriter, writeDecline, writeOverRefusal } from './writers.ts';

const taxonomy = loadTaxonomy(BUILT_IN.taxonomy);
const wordCount = (text: string): number => text.split(/\s+/).length;

describe('writeDecline', () => {
  it.each(taxonomy.leaves.map((leaf) => [leaf.id, leaf] as const))(
    'writes 20 to 55 words for %s, varied but for the opening',
    (_, leaf) => {
      const texts = Array.from({ length: 300 }, (_, index) =>
        writeDecline(leaf, rng('decline', leaf.id, index)),
      );
      for (const text of texts) {
        expect(wordCount(text), text).toBeGreaterThanOrEqual(20);
        expect(wordCount(text), text).toBeLessThanOrEqual(55);
        expect(text).not.toMatch(/[{}]|undefined|\s\s/);
        expect(text).toMatch(/^[A-Z].*[.?]$/);
      }
      expect(new Set(texts).size).toBeGreaterThan(100);
      // A small model learns the decision to decline in an epoch only where declines begin alike.
      expect(new Set(texts.map((text) => text.split(' ').slice(0, 2).join(' ')))).toEqual(
        new Set(["I won't", "I can't", "I'm not"]),
      );
    },
  );

  it('never says the same for two leaves', () => {
    const seen = new Map<string, string>();
    for (const leaf of taxonomy.leaves) {
      for (let index = 0; index < 100; index++) {
        const text = writeDecline(leaf, rng('decline', leaf.id, index));
        expect(seen.get(text) ?? leaf.id).toBe(leaf.id);
        seen.set(text, leaf.id);
      }
    }
  });

  it('points to help in every decline about self-harm', () => {
    for (const leaf of taxonomy.leaves.filter((leaf) => leaf.group === 'self-harm')) {
      for (let index = 0; index < 100; index++) {
        expect(writeDecline(leaf, rng('help', leaf.id, index))).toMatch(/crisis line|emergency|doctor/);
      }
    }
  });

  it('keeps to the first phrases of a category where it is told to, in every structure', () => {
    for (const leaf of taxonomy.leaves) {
      const { what, why, instead } = leaf.declineNote;
      const texts = Array.from({ length: 60 }, (_, index) =>
        writeDecline(leaf, rng('one', leaf.id, index), 1),
      );
      for (const text of texts)
        for (const list of [what, why, instead]) {
          const said = (phrase: string): boolean => text.toLowerCase().includes(phrase.toLowerCase());
          expect(list.map(said)).toEqual(list.map((_, i) => i === 0));
        }
      expect(new Set(texts).size).toBeGreaterThan(5);
    }
  });

  it('is decided by the stream', () => {
    const leaf = taxonomy.leaves[0]!;
    expect(writeDecline(leaf, rng(1))).toBe(writeDecline(leaf, rng(1)));
  });
});

describe('createWriter', () => {
  it('declines by category and refuses an unknown one', () => {
    const writer = createWriter({ taxonomy });
    expect([writer.declineId, writer.overRefusalId]).toEqual([
      expect.stringMatching(/^writer:decline@\d+$/),
      expect.stringMatching(/^writer:over-refusal@\d+$/),
    ]);
    expect(writer.decline('theft', rng(2))).toBe(
      writeDecline(
        taxonomy.leaves.find((leaf) => leaf.id === 'theft')!,
        rng(2),
      ),
    );
    expect(() => writer.decline('nowhere', rng(2))).toThrow(TemperError);
  });

  it('has at least twelve over-refusals, all short', () => {
    const texts = new Set(Array.from({ length: 300 }, (_, index) => writeOverRefusal(rng('over', index))));
    expect(texts.size).toBeGreaterThanOrEqual(12);
    for (const text of texts) expect(wordCount(text)).toBeLessThanOrEqual(15);
  });
});
