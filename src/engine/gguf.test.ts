import { readFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tinyGguf } from '../../test/tiny-model.ts';
import { TemperError } from '../core/errors.ts';
import { BLOCK_TYPES, type BlockTypeName, dequantize } from './dequantize.ts';
import { readGguf } from './gguf.ts';
import { loadModel } from './model.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

const work = mkdtempSync(join(tmpdir(), 'temper-gguf-'));
const whole = readFileSync(tinyGguf(join(work, 'tiny.gguf')));
const write = (bytes: Uint8Array): string => {
  const path = join(work, 'x.gguf');
  writeFileSync(path, bytes);
  return path;
};

test('reads what was written', () => {
  const model = loadModel(join(work, 'tiny.gguf'));
  expect(model.config).toMatchObject({
    architecture: 'llama',
    hiddenSize: 32,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    tied: true,
  });
  expect(model.tokenizer.decode(model.tokenizer.encode('the cat, 42!'))).toBe('the cat, 42!');
});

test('a truncated file ends in a named error, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 33 }), (length) => {
      expect(() => loadModel(write(whole.subarray(0, length)))).toThrow(TemperError);
    }),
    { numRuns: 60 },
  );
});

test('a changed file is read or ends in a named error', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 9000 }), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 8,
      }),
      (changes) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          readGguf(write(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(TemperError);
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('block formats give the values of the reference implementation', () => {
  // Blocks and values by gguf-py: bench/parity/blocks.py.
  const golden = JSON.parse(
    readFileSync(new URL('../../test/fixtures/blocks.json', import.meta.url), 'utf8'),
  ) as Record<string, { bytes: string; values: number[] }>;
  for (const type of Object.keys(BLOCK_TYPES) as BlockTypeName[]) {
    const { bytes, values } = golden[type]!;
    const ours = dequantize(type, Uint8Array.from(Buffer.from(bytes, 'base64')));
    expect(ours).toHaveLength(values.length);
    ours.forEach((value, i) => expect(value, `${type}[${i}]`).toBeCloseTo(values[i]!, 4));
  }
});

test('safetensors come back as they were; damaged ones end in a named error', () => {
  const tensors = new Map([
    ['a', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ['b', { shape: [1], data: Float32Array.of(-1) }],
  ]);
  const bytes = encodeSafetensors(tensors, { format: 'pt' });
  expect(decodeSafetensors(bytes, 'x')).toEqual(tensors);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: bytes.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: bytes.length }),
      (at, value, length) => {
        const changed = bytes.slice(0, length);
        if (at < changed.length) changed[at] = value;
        try {
          decodeSafetensors(changed, 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(TemperError);
        }
      },
    ),
  );
});
