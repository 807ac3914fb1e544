/** A temporary folder for the run alone, removed after it: what tests and their children make there goes with it. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'temper-tests-'));
  chmodSync(folder, 0o755); // as other users, which some tests become, reach the usual one
  process.env['TMPDIR'] = folder; // what os.tmpdir() reads; workers and their children inherit it
  return () => rmSync(folder, { recursive: true, force: true });
}
