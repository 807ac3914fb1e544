import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { importHash, importPreferences, passedOverNote } from './import.ts';

describe('imports', () => {
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(mkdtempSync(join(tmpdir(), 'temper-import-')), name);
    writeFileSync(path, content);
    return path;
  };
  const read = async (path: string, format: string) =>
    (await importPreferences({ path, format, limit: 100 }, 1)).examples;
  const jsonl = (...records: unknown[]): string => records.map((record) => JSON.stringify(record)).join('\n');

  test('HH-RLHF transcripts, gzipped too', async () => {
    const record = {
      chosen: '\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Steal it?\n\nAssistant: No.',
      rejected: '\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Steal it?\n\nAssistant: Yes.',
    };
    for (const path of [write('a.jsonl', jsonl(record)), write('a.jsonl.gz', gzipSync(jsonl(record)))]) {
      expect(await read(path, 'hh-rlhf')).toMatchObject([
        {
          prompt: [{ content: 'Hi' }, { content: 'Hello' }, { content: 'Steal it?' }],
          chosen: [{ content: 'No.' }],
          rejected: [{ content: 'Yes.' }],
          lineage: { row: 1 },
        },
      ]);
    }
    expect(
      await read(write('b.jsonl', jsonl({ chosen: '\n\nHuman: Hi', rejected: '\n\nHuman: Hi' })), 'hh-rlhf'),
    ).toEqual([]);
  });

  test('what a file does not say is not learnt as a refusal', async () => {
    const record = {
      chosen: '\n\nHuman: Hi\n\nAssistant: Hello',
      rejected: '\n\nHuman: Hi\n\nAssistant: What?',
    };
    const purposes = async (path: string, format: string) =>
      (await read(path, format)).map(({ purpose, lineage }) => [purpose, lineage.purpose]);
    expect(await purposes(write('harmless-base.jsonl', jsonl(record)), 'hh-rlhf')).toEqual([
      ['harm', undefined],
    ]);
    expect(await purposes(write('helpful-base.jsonl', jsonl(record)), 'hh-rlhf')).toEqual([
      ['general', undefined],
    ]);
    expect(await purposes(write('train.jsonl', jsonl(record)), 'hh-rlhf')).toEqual([['general', 'unknown']]);
    const trl = { prompt: 'p', chosen: 'a', rejected: 'b' };
    const passedOn = { ...trl, prompt: 'q', purpose: 'general', lineage: { purpose: 'unknown' } };
    const path = write('t.jsonl', jsonl(trl, { ...trl, prompt: 'r', purpose: 'harm' }, passedOn));
    expect((await purposes(path, 'trl')).toSorted()).toEqual([
      ['general', 'unknown'],
      ['general', 'unknown'],
      ['harm', undefined],
    ]);
  });

  test('BeaverTails pairs a safe with an unsafe answer to the same prompt', async () => {
    const path = write(
      'b.jsonl',
      jsonl(
        { prompt: 'p', response: 'bad', is_safe: false },
        { prompt: 'p', response: 'good', is_safe: true },
        { prompt: 'q', response: 'bad', is_safe: false },
      ),
    );
    expect(await read(path, 'beavertails')).toMatchObject([
      { chosen: [{ content: 'good' }], rejected: [{ content: 'bad' }] },
    ]);
  });

  test('PKU-SafeRLHF keeps pairs in which exactly the safer answer is safe', async () => {
    const row = (safe0: boolean, safe1: boolean) => ({
      prompt: `p${safe0}${safe1}`,
      response_0: 'zero',
      response_1: 'one',
      is_response_0_safe: safe0,
      is_response_1_safe: safe1,
      safer_response_id: 1,
    });
    expect(
      await read(
        write('p.jsonl', jsonl(row(false, true), row(false, false), row(true, true))),
        'pku-saferlhf',
      ),
    ).toMatchObject([{ chosen: [{ content: 'one' }] }]);
  });

  test('Safety-Tuned LLaMAs from an array', async () => {
    expect(
      await read(
        write('s.json', JSON.stringify([{ instruction: 'i', input: 'x', output: 'o' }])),
        'safety-tuned-llamas',
      ),
    ).toMatchObject([{ prompt: [{ content: 'i\n\nx' }], chosen: [{ content: 'o' }] }]);
  });

  test('an array that is packed', async () => {
    const packed = gzipSync(JSON.stringify([{ instruction: 'i', input: '', output: 'o' }]));
    const path = write('packed.json.gz', packed);
    expect(await read(path, 'safety-tuned-llamas')).toMatchObject([{ prompt: [{ content: 'i' }] }]);
  });

  test('an array that is not UTF-8 is an error, one with a mark of it is none; .GZ is packed, too', async () => {
    const text = JSON.stringify([{ instruction: 'café', input: '', output: 'o' }]);
    await expect(
      read(write('l.json', Buffer.from(text, 'latin1')), 'safety-tuned-llamas'),
    ).rejects.toMatchObject({ code: 'data', message: expect.stringContaining('UTF-8') as string });
    for (const path of [
      write('b.json', `\uFEFF${text}`),
      write('c.JSONL.GZ', gzipSync(text.slice(1, -1))),
      write('c.json.GZ', gzipSync(text)),
    ])
      expect(await read(path, 'safety-tuned-llamas')).toMatchObject([{ prompt: [{ content: 'café' }] }]);
  });

  test('CoCoNot: pairs teach to answer, refusals of harm to decline', async () => {
    const safety = { category: 'Requests with safety concerns', subcategory: 'privacy violations' };
    const path = write(
      'c.jsonl',
      jsonl(
        {
          id: '1',
          ...safety,
          prompt: 'p',
          chosen: 'Yes',
          chosen_model: 'm',
          rejected: 'No',
          rejected_model: 'm',
        },
        { id: '2', ...safety, prompt: 'q', response: 'I leave that.' },
        {
          id: '3',
          category: 'Incomplete requests',
          subcategory: 'underspecified',
          prompt: 'r',
          response: 'Which?',
        },
        { id: '4', ...safety, prompt: 's', response: '' },
      ),
    );
    const { examples, passedOver } = await importPreferences({ path, format: 'coconot', limit: 9 }, 1);
    expect(examples.map(({ purpose, category }) => [purpose, category]).sort()).toEqual([
      ['benign', 'privacy violations'],
      ['harm', 'privacy violations'],
    ]);
    expect(Object.values(passedOver)).toEqual([1, 1]);
  });

  test('WildJailbreak, as its TSV and as JSON Lines', async () => {
    const rows = [
      ['plain harm', '', 'No.', 'vanilla_harmful'],
      ['plain harm', 'wrapped\tharm', 'No.', 'adversarial_harmful'],
      ['plain look-alike', '', 'Gladly: "so".', 'vanilla_benign'],
      ['plain look-alike', 'wrapped look-alike', 'Gladly.', 'adversarial_benign'],
    ];
    const names = ['vanilla', 'adversarial', 'completion', 'data_type'];
    const quoted = (cell: string): string => (/[\t"]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
    const tsv = [names, ...rows].map((row) => row.map(quoted).join('\t')).join('\n');
    const objects = rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
    for (const path of [write('w.tsv', tsv), write('w.jsonl', jsonl(...objects))]) {
      const examples = await read(path, 'wildjailbreak');
      expect(examples.map(({ prompt, purpose }) => [prompt[0]!.content, purpose]).sort()).toEqual([
        ['plain harm', 'harm'],
        ['plain look-alike', 'benign'],
        ['wrapped\tharm', 'harm'],
        ['wrapped look-alike', 'benign'],
      ]);
    }
    const test = write('e.jsonl', jsonl({ adversarial: 'a', label: 1, data_type: 'adversarial_harmful' }));
    expect(await read(test, 'wildjailbreak')).toEqual([]);
  });

  test('another shape, another format and a missing file are named', async () => {
    await expect(
      read(write('x.jsonl', jsonl({ chosen: '', rejected: '' }, { a: 1 })), 'hh-rlhf'),
    ).rejects.toThrow(/row 2/);
    await expect(read('nowhere.jsonl', 'nonsense')).rejects.toMatchObject({ code: 'config' });
    await expect(read('nowhere.jsonl', 'trl')).rejects.toMatchObject({ code: 'data' });
  });

  test('a broken line of a packed file is named, and so is a file that is none', async () => {
    const record = { prompt: 'p', chosen: 'a', rejected: 'b' };
    const broken = write('c.jsonl.gz', gzipSync(`${jsonl(record)}\n{"prompt": `));
    await expect(read(broken, 'trl')).rejects.toMatchObject({
      code: 'data',
      message: expect.stringContaining(`${broken}, line 2`) as string,
    });
    const whole = gzipSync(
      jsonl(...Array.from({ length: 2000 }, (_, i) => ({ ...record, prompt: `p${i}` }))),
    );
    for (const path of [
      write('cut.jsonl.gz', whole.subarray(0, whole.length / 2)),
      write('text.jsonl.gz', jsonl(record)),
      'nowhere.jsonl.gz',
    ])
      await expect(read(path, 'trl')).rejects.toMatchObject({ code: 'data' });
  });

  test('what cannot serve is counted, by the reason', async () => {
    const path = write(
      'd.jsonl',
      jsonl(
        { prompt: 'p', chosen: 'a', rejected: 'b' },
        { prompt: 'q', chosen: 'a', rejected: ' a' },
        { prompt: 'r', chosen: ' ', rejected: 'b' },
        { prompt: 's', chosen: 'a', rejected: '' },
      ),
    );
    const source = { path, format: 'trl', limit: 9 };
    const one = await importPreferences(source, 1);
    expect(one.examples).toHaveLength(2);
    expect(passedOverNote(one)).toMatch(/^2 of 4 records passed over \(1: .*rejected one; 1: .*empty\)$/);
    const pairs = await importPreferences(source, 1, { pairs: true });
    expect(pairs.examples).toHaveLength(1);
    expect(Object.values(pairs.passedOver)).toEqual([1, 1, 1]);
    expect(passedOverNote({ ...one, passedOver: {} })).toBeNull();
  });

  test('pairs need the rejected answer, SFT does not', async () => {
    const path = write(
      'e.jsonl',
      jsonl({ prompt: 'p', chosen: 'a', rejected: 'b' }, { prompt: 'q', chosen: 'a' }),
    );
    const source = { path, format: 'trl', limit: 9 };
    expect((await importPreferences(source, 1)).examples).toHaveLength(2);
    await expect(importPreferences(source, 1, { pairs: true })).rejects.toMatchObject({
      code: 'data',
      message: expect.stringMatching(/row 2.*rejected/) as string,
    });
  });

  test("a file's hash is of its content", async () => {
    const [a, b, c] = [write('a', 'one'), write('b', 'one'), write('c', 'two')];
    expect(await importHash(a)).toBe(await importHash(b));
    expect(await importHash(a)).not.toBe(await importHash(c));
    await expect(importHash('nowhere')).rejects.toMatchObject({ code: 'data' });
  });
});
