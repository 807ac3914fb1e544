// npm start, npm test, npm run bench: installs what is missing, finds Node 24, then runs. Plain JavaScript that an
// older Node can read, without dependencies.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode, lockedNodeVersion, runNode, WANTED } from './node24.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.temper-setup');
const lockDirectory = join(root, '.temper-setup-lock');
const NEEDED_BYTES = 1.5e9;
const EXIT = { resource: 7, network: 8 };
const INSTALL_ENVIRONMENT = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };

let locked = false;

function unlock() {
  if (locked) rmSync(lockDirectory, { recursive: true, force: true });
  locked = false;
}

function fail(code, message, hint) {
  unlock();
  console.error(`error: ${message}\n  ${hint}`);
  process.exit(code);
}

/** Runs npm quietly, with the elapsed seconds; its output is kept for when it fails. */
function npm(args, what) {
  return new Promise((resolve) => {
    const started = Date.now();
    const seconds = () => {
      const whole = Math.round((Date.now() - started) / 1000);
      return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
    };
    const live = process.stderr.isTTY;
    const timer = setInterval(() => live && process.stderr.write(`\r${what} ... ${seconds()}`), 1000);
    if (!live) console.error(`${what} ...`);
    // No shell: the npm that started this script says where it is.
    const cli = process.env.npm_execpath;
    const child = cli?.endsWith('npm-cli.js')
      ? spawn(process.execPath, [cli, ...args], { cwd: root, env: INSTALL_ENVIRONMENT })
      : spawn('npm', args, { cwd: root, env: INSTALL_ENVIRONMENT });
    let output = '';
    const keep = (chunk) => (output = `${output}${chunk}`.slice(-20_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const end = (code) => {
      clearInterval(timer);
      if (live) process.stderr.write('\r');
      if (code === 0) console.error(`${what}: done in ${seconds()}`);
      resolve({ code, output });
    };
    child.on('error', (error) => {
      output += error.message;
      end(1);
    });
    child.on('close', end);
  });
}

function explain(output) {
  if (/ENOSPC|no space left/i.test(output)) fail(EXIT.resource, 'the disk is full', 'Free about 1.5 GB and run the same command again.');
  const network = /\b(ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ECONNRESET|EAI_AGAIN|ENETUNREACH|E403|E401|E404|ERR_SOCKET_TIMEOUT|CERT_\w+|\w+_CERT\w*)\b/.exec(output);
  if (network) fail(EXIT.network, `the npm registry cannot be reached (${network[1]})`, 'Check the network, or point npm to a registry that can be reached, then run the same command again.');
  if (/spawn npm ENOENT/.test(output)) fail(EXIT.resource, 'npm is not installed', 'Install Node.js with npm, then run the same command again.');
  console.error(output.trim());
  fail(1, 'npm could not install the packages', 'Its output is above.');
}

function takeLock() {
  for (let waited = 0; ; waited++) {
    try {
      mkdirSync(lockDirectory);
      locked = true;
      writeFileSync(join(lockDirectory, 'pid'), String(process.pid));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(EXIT.resource, `cannot write to ${root}: ${error.message}`, 'Make the folder writable.');
      const file = join(lockDirectory, 'pid');
      const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
      let alive = waited < 3; // the owner may be about to write its pid
      try {
        if (pid > 0) alive = process.kill(pid, 0);
      } catch {
        alive = false;
      }
      if (!alive) rmSync(lockDirectory, { recursive: true, force: true });
      else if (waited === 0) console.error('waiting for another set-up in this folder to end');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    }
  }
}

async function install() {
  const wanted = createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
  const current = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
  if (current() && findNode(root)) return;
  takeLock();
  if (!current()) {
    const { bavail, bsize } = statfsSync(root);
    if (bavail * bsize < NEEDED_BYTES) fail(EXIT.resource, `only ${Math.round((bavail * bsize) / 1e6)} MB of disk space are left in ${root}`, 'The packages need about 1.5 GB.');
    const { code, output } = await npm(['ci', '--no-audit', '--no-fund'], 'installing packages');
    if (code !== 0) explain(output);
  }
  if (!findNode(root)) {
    // npm may have kept the `node` package from fetching its binary: fetch the package that has it.
    const [platform, arch] = [process.platform === 'win32' ? 'win' : process.platform, process.arch];
    const name = `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${platform}-${arch}`;
    const directory = join(root, 'node_modules', 'node');
    const { code, output } = await npm(['install', '--no-save', '--no-package-lock', '--prefix', directory, `${name}@${lockedNodeVersion(root)}`], `fetching Node ${WANTED}`);
    if (code !== 0) explain(output);
    const { copyFileSync, chmodSync } = await import('node:fs');
    const binary = process.platform === 'win32' ? 'node.exe' : 'node';
    mkdirSync(join(directory, 'bin'), { recursive: true });
    copyFileSync(join(directory, 'node_modules', name, 'bin', binary), join(directory, 'bin', binary));
    chmodSync(join(directory, 'bin', binary), 0o755);
    if (!findNode(root)) fail(EXIT.resource, `Node ${WANTED} cannot run on this machine (${platform} ${arch})`, `Install Node ${WANTED} or newer yourself.`);
  }
  writeFileSync(stamp, wanted);
  unlock();
}

/** Runs a program of the project under the Node that was found, which its own children find first too. */
function run(node, args) {
  const path = `${dirname(node.path)}${delimiter}${process.env.PATH ?? ''}`;
  return runNode(node, args, { cwd: root, env: { ...process.env, PATH: path } });
}

const tool = (...parts) => join(root, 'node_modules', ...parts);
const CHECKS = [
  ['types', [tool('typescript', 'bin', 'tsc'), '--noEmit']],
  ['types of the web app', [tool('typescript', 'bin', 'tsc'), '--noEmit', '-p', 'web']],
  ['lint', [tool('oxlint', 'bin', 'oxlint'), '--deny-warnings', 'src', 'test', 'bench', 'web']],
  ['format', [tool('oxfmt', 'bin', 'oxfmt'), '--check', 'src', 'test', 'bench', 'web']],
];

const COMMANDS = {
  // At a terminal the web app is opened on what was measured; elsewhere somebody waits for the end.
  start: (node, args) => {
    const watched = process.stdin.isTTY && process.stdout.isTTY && !process.env.CI && !args.includes('--json');
    return run(node, [join(root, 'src', 'cli', 'main.ts'), 'run', ...(watched ? ['--serve'] : []), ...args]);
  },
  bench: (node, args) => run(node, [join(root, 'bench', 'main.ts'), ...args]),
  async test(node, args) {
    for (const [name, command] of CHECKS) {
      const code = await run(node, command);
      if (code !== 0) {
        console.error(`error: the ${name} check failed`);
        return code;
      }
    }
    return run(node, [tool('vitest', 'vitest.mjs'), 'run', ...args]);
  },
};

process.on('exit', unlock);
// While the packages are installed; what runs after that says itself how to go on.
const stopped = () => fail(130, 'stopped', 'The same command continues.');
process.on('SIGINT', stopped);
const [name, ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (!command) fail(2, `unknown command '${name}'`, `Use one of: ${Object.keys(COMMANDS).join(', ')}.`);
await install();
process.off('SIGINT', stopped);
const node = findNode(root);
if (!node.own) console.error(`Node ${process.version.slice(1)} is older than ${WANTED}: using Node ${node.version.slice(1)} from node_modules`);
process.exitCode = await command(node, args);
