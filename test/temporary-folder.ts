/** A temporary folder for the run alone, removed after it: what tests and their children make there goes with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'temper-tests-'));
  process.env['TMPDIR'] = folder; // what os.tmpdir() reads; workers and their children inherit it
  return () => rmSync(folder, { recursive: true, force: true });
}
