/** The built client: a few files, read once, with their type and how long a browser may keep them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Handler } from 'hono';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};
const SMALL = 1000;

interface File {
  readonly type: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer> | null;
}

const ofText = (type: string, plain: Uint8Array<ArrayBuffer>): File => ({
  type,
  plain,
  gzip: plain.length > SMALL ? new Uint8Array(gzipSync(plain)) : null,
});

/** A module with all that it imports, however far away, as their paths. */
function withImports(files: ReadonlyMap<string, File>, path: string, seen = new Set<string>()): Set<string> {
  const file = files.get(path);
  if (!file || seen.has(path)) return seen;
  seen.add(path);
  const code = new TextDecoder().decode(file.plain);
  for (const [, name] of code.matchAll(/\b(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g))
    withImports(files, `/assets/${name}`, seen);
  return seen;
}

/** The document of each page: it names the page's modules, so that they are fetched along with the frame's, not after it ran. */
function documents(files: ReadonlyMap<string, File>, index: File): ReadonlyMap<string, File> {
  const html = new TextDecoder().decode(index.plain);
  const made = new Map<string, File>();
  for (const path of files.keys()) {
    const page = /^\/assets\/([a-z]+)-[\w-]+\.js$/.exec(path)?.[1];
    if (page === undefined) continue;
    const links = [...withImports(files, path)]
      .filter((module) => !html.includes(module))
      .map((module) => `<link rel="modulepreload" crossorigin href="${module}">`);
    const document = html.replace('</head>', () => `${links.join('')}</head>`);
    made.set(`/${page}`, ofText(index.type, new Uint8Array(Buffer.from(document))));
  }
  return made;
}

/** Every path that is no file is a page of the app: the client finds it by its address. */
export function serveClient(folder: string): Handler {
  const files = new Map<string, File>();
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    files.set(
      `/${name.replaceAll('\\', '/')}`,
      ofText(type, new Uint8Array(readFileSync(join(folder, name)))),
    );
  }
  const index = files.get('/index.html');
  const pages = index ? documents(files, index) : new Map<string, File>();
  return (context) => {
    const found = files.get(context.req.path);
    // What has a hash in its name never changes.
    const kept = found !== undefined && context.req.path.startsWith('/assets/');
    const page = pages.get(context.req.path) ?? index;
    const file = found ?? (extname(context.req.path) === '' ? page : undefined);
    if (file === undefined) return context.text('not found', 404);
    const packed = file.gzip !== null && (context.req.header('accept-encoding') ?? '').includes('gzip');
    return context.body(packed ? file.gzip! : file.plain, 200, {
      'content-type': file.type,
      'cache-control': kept ? 'private, max-age=31536000, immutable' : 'no-store',
      vary: 'accept-encoding',
      ...(packed ? { 'content-encoding': 'gzip' } : {}),
    });
  };
}
