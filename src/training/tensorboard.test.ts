import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { crc32c, frame, scalarEvent, TensorBoardLog } from './tensorboard.ts';

const folder = mkdtempSync(join(tmpdir(), 'temper-tensorboard-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('CRC-32C has its check value (RFC 3720, "123456789")', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

test('a scalar event is the protocol buffer that TensorBoard writes', () => {
  // wall_time 1.5, step 300, summary { value { tag "a", simple_value 0.5 } }
  expect(scalarEvent(300, { a: 0.5 }, 1.5).toString('hex')).toBe(
    `09000000000000f83f10ac022a0a0a080a0161150000003f`,
  );
});

test('each record is framed by its length and both checksums', () => {
  const record = frame(Buffer.from('abc'));
  expect(record.readBigUInt64LE(0)).toBe(3n);
  expect(record.subarray(12, 15).toString()).toBe('abc');
  expect(record).toHaveLength(19);
});

test('a continued log holds each step once', () => {
  const log = new TensorBoardLog(join(folder, 'events'));
  log.begin([]);
  log.write({ step: 1 });
  log.write({ step: 2 });
  const two = readFileSync(log.path).length;
  log.begin([{ step: 1 }]);
  log.write({ step: 2 });
  expect(readFileSync(log.path)).toHaveLength(two);
});
