// Finds a Node.js that can run the sources: 24 or newer. Plain JavaScript for older Nodes, without dependencies.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

export const WANTED = 24;

const major = (version) => Number(version.replace(/^v/, '').split('.')[0]);

/** The path of a suitable Node, and its version; null where there is none (yet). */
export function findNode(root) {
  if (major(process.version) >= WANTED)
    return { path: process.execPath, version: process.version, own: true };
  const path = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (!existsSync(path)) return null;
  try {
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim();
    return major(version) >= WANTED ? { path, version, own: false } : null;
  } catch {
    return null;
  }
}

/** The version of the `node` package that package-lock.json asks for. */
export function lockedNodeVersion(root) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return lock.packages['node_modules/node'].version;
}

const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

// glibc keeps what it freed in blocks below a threshold that grows to 32 MB: 0.8 GB of weights after each phase of a run.
const MEMORY = 'glibc.malloc.mmap_threshold=1048576';

/** Runs a script under a Node that was found; resolves to its exit code, 128 + n where signal n ended it. */
export function runNode(node, args, options = {}) {
  return new Promise((resolve, reject) => {
    const env = { ...(options.env ?? process.env) };
    env.GLIBC_TUNABLES = [env.GLIBC_TUNABLES, MEMORY].filter(Boolean).join(':');
    // A terminal's Ctrl-C reaches the child by itself; what is sent to this process alone is passed on, from before the child is there.
    const forward = (signal) => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal));
    for (const signal of SIGNALS) process.on(signal, forward);
    const child = spawn(node.path, [...NODE_FLAGS, ...args], { stdio: 'inherit', ...options, env });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const each of SIGNALS) process.off(each, forward);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}
