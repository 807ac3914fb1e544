// Finds a Node.js that can run the sources: 24 or newer. Plain JavaScript for older Nodes, without dependencies.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const WANTED = 24;

const major = (version) => Number(version.replace(/^v/, '').split('.')[0]);

/** The path of a suitable Node, and its version; null where there is none (yet). */
export function findNode(root) {
  if (major(process.version) >= WANTED) return { path: process.execPath, version: process.version, own: true };
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

export const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];
