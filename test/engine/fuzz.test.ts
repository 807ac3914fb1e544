/** Damaged model files are read, or end in a TemperError of kind `model`: never in another error, never in a crash. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TemperError } from '../../src/core/errors.ts';
import { loadModel } from '../../src/engine/model.ts';

const fixtures = fileURLToPath(new URL('../fixtures/families/', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'temper-fuzz-'));

/** Loads a model and uses its tokenizer. */
function use(path: string): void {
  let before = 0;
  try {
    before = process.memoryUsage().arrayBuffers;
    const { config, weights, tokenizer } = loadModel(path);
    const ids = tokenizer.encodeChat([{ role: 'user', content: 'Hi, 42 <|im_end|> é\n' }]);
    expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < config.vocabularySize)).toBe(true);
    tokenizer.decode(ids);
    // Whatever was read fits together: no graph will read past the end of a weight.
    const sizes = [...weights.values()].reduce((total, data) => total + data.length, 0);
    expect(sizes).toBeLessThan(1e6);
  } catch (error) {
    expect(error, String((error as Error).stack)).toBeInstanceOf(TemperError);
    expect((error as TemperError).code).toBe('model');
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
}

interface Damage {
  readonly changes: readonly (readonly [at: number, value: number])[];
  /** Where the file is cut; null: it keeps its length. */
  readonly cut: number | null;
}

/** Some changed bytes, most of them before `directory`, where lengths and names are; perhaps a cut. */
const damage = (size: number, directory: number): fc.Arbitrary<Damage> => {
  const place = fc.oneof(
    { weight: 4, arbitrary: fc.nat(Math.min(directory, size) - 1) },
    { weight: 1, arbitrary: fc.nat(size - 1) },
  );
  const byte = fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.nat(255));
  return fc.record({
    changes: fc.array(fc.tuple(place, byte), { maxLength: 6 }),
    cut: fc.option(fc.nat(size), { freq: 4 }),
  });
};

function damaged(original: Uint8Array, { changes, cut }: Damage): Uint8Array {
  const bytes = Uint8Array.from(original.subarray(0, cut ?? original.length));
  for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
  return bytes;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A value of the wrong kind or size. */
const odd: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    -1,
    0,
    0.5,
    1e9,
    1e300,
    2 ** 31,
    '',
    'x',
    '__proto__',
    [],
    {},
    [null],
    [[1, 2, 3]],
    { a: null },
  ),
  fc.jsonValue() as fc.Arbitrary<Json>,
);

/** Replaces, removes or adds a value somewhere inside. `path` chooses by turns among the keys. */
function change(value: Json, path: readonly number[], replacement: Json | undefined): Json {
  if (path.length === 0 || value === null || typeof value !== 'object') return replacement ?? null;
  const keys = Object.keys(value);
  const key = keys.length === 0 ? 'added' : (keys[path[0]! % keys.length] as string);
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, Json>;
  if (path.length === 1 && replacement === undefined) delete copy[key];
  else copy[key] = change(copy[key] ?? null, path.slice(1), replacement);
  return copy;
}

/** Paths of changes, and the new values; undefined removes. */
const changes = fc.array(
  fc.tuple(fc.array(fc.nat(400), { minLength: 1, maxLength: 4 }), fc.option(odd, { nil: undefined })),
  { minLength: 1, maxLength: 3 },
);

describe.each(['llama', 'phi3', 'gemma3'])('GGUF of %s', (family) => {
  test('bytes', () => {
    const original = readFileSync(join(fixtures, `${family}.gguf`));
    const path = join(work, `${family}.gguf`);
    fc.assert(
      fc.property(damage(original.length, 9000), (harm) => {
        writeFileSync(path, damaged(original, harm));
        use(path);
      }),
      { numRuns: 250 },
    );
  });
});

describe.each([
  ['llama', 'model.safetensors', 3000],
  ['mistral', 'model-00002-of-00004.safetensors', 800],
] as const)('a folder of %s', (family, weights, header) => {
  const folder = join(work, family);
  const restore = (): void => {
    cpSync(join(fixtures, family), folder, { recursive: true });
    cpSync(join(fixtures, 'tokenizer'), folder, { recursive: true });
  };
  restore();

  const records = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json'];
  if (family === 'mistral') records.push('model.safetensors.index.json');
  test.each(records)('values of %s', (name) => {
    const path = join(folder, name);
    const original = JSON.parse(readFileSync(path, 'utf8')) as Json;
    fc.assert(
      fc.property(changes, (list) => {
        const value = list.reduce((json, [at, replacement]) => change(json, at, replacement), original);
        writeFileSync(path, JSON.stringify(value));
        use(folder);
      }),
      { numRuns: 200 },
    );
    restore();
  });

  test.each([
    [weights, header],
    ['tokenizer.json', 20_000],
    ['chat_template.jinja', 20_000],
  ] as const)('bytes of %s', (name, directory) => {
    const original = readFileSync(join(folder, name));
    fc.assert(
      fc.property(damage(original.length, directory), (harm) => {
        writeFileSync(join(folder, name), damaged(original, harm));
        use(folder);
      }),
      { numRuns: 200 },
    );
    restore();
  });
});
