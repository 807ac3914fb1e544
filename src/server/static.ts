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

/** Every path that is no file is a page of the app: the client finds it by its address. */
export function serveClient(folder: string): Handler {
  const files = new Map<string, File>();
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const plain = new Uint8Array(readFileSync(join(folder, name)));
    const gzip = plain.length > SMALL ? new Uint8Array(gzipSync(plain)) : null;
    files.set(`/${name.replaceAll('\\', '/')}`, { type, plain, gzip });
  }
  const index = files.get('/index.html');
  return (context) => {
    const found = files.get(context.req.path);
    // What has a hash in its name never changes.
    const kept = found !== undefined && context.req.path.startsWith('/assets/');
    const file = found ?? (extname(context.req.path) === '' ? index : undefined);
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
