/** The client of the web app: where it is, and in a checkout its build, made when its sources are newer. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TemperError } from '../core/errors.ts';

/** The port that people learn; another is taken with --port. */
export const DEFAULT_PORT = 4747;

const root = fileURLToPath(new URL('../../', import.meta.url));
const checkout = import.meta.url.endsWith('.ts');

export const clientFolder = (): string => join(root, 'dist', 'web');

const sources = (): string[] => {
  const web = join(root, 'web');
  return [
    ...readdirSync(web, { recursive: true, encoding: 'utf8' }).map((name) => join(web, name)),
    join(root, 'package-lock.json'),
  ];
};

function stale(): boolean {
  const built = join(clientFolder(), 'index.html');
  if (!existsSync(built)) return true;
  const { mtimeMs } = statSync(built);
  return sources().some((path) => statSync(path).mtimeMs > mtimeMs);
}

/** Builds it where it is missing or older than its sources; an installed package brings it. Errors: `resource`. */
export async function buildClient(tell: (text: string) => void): Promise<void> {
  if (!checkout || !existsSync(join(root, 'web')) || !stale()) return;
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  if (!existsSync(vite)) {
    if (existsSync(clientFolder())) return;
    throw new TemperError('resource', 'the web app is not built, and what builds it is not installed', {
      hint: 'Run `npm ci` in the checkout.',
    });
  }
  tell('building the web app, some seconds\n');
  const child = spawn(process.execPath, [vite, 'build', join(root, 'web'), '--logLevel', 'error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number>((resolve) => {
    child.on('error', (error) => {
      said += error.message;
      resolve(1);
    });
    child.on('close', (exit) => resolve(exit ?? 1));
  });
  if (code !== 0)
    throw new TemperError('resource', `the web app could not be built:\n${said.slice(-2000)}`, {
      hint: '`npm run build:web` shows all of it.',
    });
}
