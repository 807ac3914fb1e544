/** No call that the configuration does not name: ONNX Runtime's own telemetry would begin with an id in the home folder. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const source = (path: string) =>
  JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src', path)).href);

const script = `
  import { Session } from ${source('engine/session.ts')};
  import { Graph } from ${source('engine/graph.ts')};
  const graph = new Graph();
  const x = graph.input('x', ['N', 2]);
  graph.output('y', graph.add(x, x));
  const session = await Session.create(graph, new Map(), { placement: 'fed' });
  await session[Symbol.asyncDispose]();
  await new Promise((resolve) => setTimeout(resolve, 1000));`;

test('a session leaves nothing in the home folder', () => {
  const home = mkdtempSync(join(tmpdir(), 'temper-home-'));
  // Beside the sources, so that packages are found from there.
  const file = join(import.meta.dirname, `telemetry-${process.pid}.mjs`);
  try {
    writeFileSync(file, script);
    const env = { PATH: process.env['PATH'], HOME: home, USERPROFILE: home, XDG_CACHE_HOME: '' };
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', file], { env });
    expect(readdirSync(home, { recursive: true })).toEqual([]);
  } finally {
    rmSync(file, { force: true });
    rmSync(home, { recursive: true, force: true });
  }
});
