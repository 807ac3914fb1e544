/** The document of a page names the modules of that page, and no others. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { serveClient } from './static.ts';

test('a page is told to fetch its modules with all that they import, but not what it loads later', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'temper-static-'));
  mkdirSync(join(folder, 'assets'));
  const files = {
    'index.html': '<html><head><script type="module" src="/assets/frame-A1.js"></script></head></html>',
    'assets/frame-A1.js': 'import"./parts-B2.js";const load=()=>import("./conversations-C3.js");',
    'assets/parts-B2.js': 'export const part=1;',
    'assets/conversations-C3.js':
      'import{a}from"./frame-A1.js";import{b}from"./transcript-D4.js";const later=()=>import("./chart-E5.js");',
    'assets/transcript-D4.js': 'import{p}from"./parts-B2.js";import"./conversations-C3.js";export const b=1;',
    'assets/chart-E5.js': 'export const chart=1;',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const app = new Hono().get('*', serveClient(folder));
  const text = async (path: string): Promise<string> => (await app.request(path)).text();
  const preloaded = async (path: string): Promise<string[]> =>
    [...(await text(path)).matchAll(/<link rel="modulepreload" crossorigin href="([^"]+)">/g)].map(
      ([, href]) => href!,
    );
  expect(await preloaded('/conversations')).toEqual([
    '/assets/conversations-C3.js',
    '/assets/parts-B2.js',
    '/assets/transcript-D4.js',
  ]);
  expect(await text('/conversations')).toMatch(/^<html><head>.*<\/head><\/html>$/);
  expect(await preloaded('/')).toEqual([]);
  expect(await preloaded('/conversations/of')).toEqual([]);
  expect(await text('/assets/parts-B2.js')).toBe(files['assets/parts-B2.js']);
  expect((await app.request('/assets/nothing.js')).status).toBe(404);
});
