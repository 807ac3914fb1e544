/**
 * Scalars as a TensorBoard event file: TFRecord frames (length, masked CRC-32C, bytes, masked CRC-32C) around `Event`
 * messages of tensorboard/compat/proto/event.proto.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CASTAGNOLI = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ CASTAGNOLI : value >>> 1;
  return value;
});

/** CRC-32C (Castagnoli) of bytes, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** A checksum of data that holds checksums: rotated and moved, as TFRecord wants it. */
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

export function frame(data: Uint8Array): Buffer {
  const record = Buffer.alloc(data.length + 16);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(masked(crc32c(record.subarray(0, 8))), 8);
  record.set(data, 12);
  record.writeUInt32LE(masked(crc32c(data)), 12 + data.length);
  return record;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

const key = (field: number, type: number): Buffer => varint(field * 8 + type);

function nested(field: number, content: Uint8Array): Buffer {
  return Buffer.concat([key(field, BYTES), varint(content.length), content]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, FIXED64), bytes]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, FIXED32), bytes]);
}

/** `Event` with one scalar for each figure. `seconds`: since 1970. */
export function scalarEvent(
  step: number,
  figures: Readonly<Record<string, number>>,
  seconds: number,
): Buffer {
  const values = Object.entries(figures).map(([tag, value]) =>
    nested(1, Buffer.concat([nested(1, Buffer.from(tag)), float(2, value)])),
  );
  return Buffer.concat([double(1, seconds), key(2, VARINT), varint(step), nested(5, Buffer.concat(values))]);
}

const versionEvent = (seconds: number): Buffer =>
  Buffer.concat([double(1, seconds), nested(3, Buffer.from('brain.Event:2'))]);

/** What TensorBoard shows of a step, by TRL's names under `train/` and `eval/`. */
function figuresOf(row: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(row).flatMap(([name, value]): [string, number][] => {
      if (name === 'step' || name === 'steps' || typeof value !== 'number') return [];
      const held = /^eval_(.*)$/.exec(name);
      return [[held ? `eval/${held[1]}` : `train/${name}`, value]];
    }),
  );
}

/** The event file of one training: `tensorboard --logdir` on any folder above it. */
export class TensorBoardLog {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'events.out.tfevents.temper');
  }

  /** Begins the file anew, with the rows that are there already. */
  begin(rows: readonly { readonly step: number }[]): void {
    mkdirSync(join(this.path, '..'), { recursive: true });
    writeFileSync(this.path, frame(versionEvent(Date.now() / 1000)));
    for (const row of rows) this.write(row);
  }

  write(row: { readonly step: number }): void {
    appendFileSync(this.path, frame(scalarEvent(row.step, figuresOf(row), Date.now() / 1000)));
  }
}
