import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ModelConfig } from './architecture.ts';
import { KeyValueCache } from './cache.ts';

const config = { layers: 2, kvHeads: 2, headSize: 3 } as ModelConfig;
const WIDTH = 6;

/** Keys or values of `count` positions of a sequence, each number telling which it is. */
const fresh = (sequence: number, from: number, count: number, sign: number): Float32Array =>
  Float32Array.from({ length: count * WIDTH }, (_, i) => {
    const position = from + Math.floor(i / WIDTH);
    return sign * (1 + sequence * 10_000 + position * 100 + (i % WIDTH));
  });

test('what is stored stays, however the memory is laid out anew and rows are moved', () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant('resize' as const), rows: fc.nat(3), capacity: fc.nat(9) }),
    fc.record({ kind: fc.constant('reserve' as const), tokens: fc.nat(80) }),
    fc.constant({ kind: 'free' as const }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const cache = new KeyValueCache(config);
      const lengths = [4, 2, 3];
      let sequences = [0, 1, 2];
      cache.resize(3, 5, 0);
      for (let layer = 0; layer < 2; layer++) {
        sequences.forEach((sequence) => {
          const count = lengths[sequence] as number;
          const [keys, values] = [fresh(sequence, 0, count, 1), fresh(sequence, 0, count, -1)];
          cache.write(layer, sequence, 0, count, { keys, values, source: 0, width: count });
        });
      }
      for (const next of changes) {
        const used = sequences.length;
        if (next.kind === 'reserve') cache.reserve(next.tokens);
        else if (next.kind === 'resize') cache.resize(used + next.rows, 4 + next.capacity, used);
        else if (used > 1) {
          cache.move(used - 1, 0, lengths[sequences[used - 1] as number] as number);
          sequences = [sequences[used - 1] as number, ...sequences.slice(1, -1)];
        }
        const feeds = cache.tensors(sequences.length);
        const { capacity } = cache;
        for (const layer of [0, 1]) {
          const keys = feeds[`keys.${layer}`]!.data as Float32Array;
          const values = feeds[`values.${layer}`]!.data as Float32Array;
          sequences.forEach((sequence, row) => {
            for (let position = 0; position < (lengths[sequence] as number); position++) {
              for (let i = 0; i < WIDTH; i++) {
                const wanted = 1 + sequence * 10_000 + position * 100 + i;
                const head = row * 2 + Math.floor(i / 3);
                expect(keys[(row * WIDTH + i) * capacity + position]).toBe(wanted);
                expect(values[(head * capacity + position) * 3 + (i % 3)]).toBe(-wanted);
              }
            }
          });
        }
      }
    }),
  );
});

test('its memory is given back when it is disposed of', () => {
  const cache = new KeyValueCache(config);
  cache.resize(3, 5, 0);
  const held = cache.tensors(3)['keys.1']!.data as Float32Array;
  cache[Symbol.dispose]();
  expect(held.buffer.byteLength).toBe(0);
  expect(cache.rows).toBe(0);
});
