/**
 * Makes the fixtures of `temper findings import` with the tools themselves: `node bench/importers/make.ts TOOL FOLDER`. Installs
 * the tool into a folder outside of the repository (unless it is there), runs it against a server on this machine that answers
 * refusals and harmless texts, takes addresses and paths out, and writes test/fixtures/imports. Versions and what could not be
 * run: the README there.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from './server.ts';

const own = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const fixtures = own('../../test/fixtures/imports/');

interface Place {
  readonly folder: string;
  readonly url: string;
}

/** Runs to its end whatever its exit code: a failed evaluation is one. The server answers meanwhile. */
async function run(
  command: string,
  args: readonly string[],
  { folder }: Place,
  env: Record<string, string> = {},
): Promise<void> {
  console.log(`$ ${command} ${args.join(' ')}`);
  const child = spawn(command, args, { cwd: folder, env: { ...process.env, ...env }, stdio: 'inherit' });
  await once(child, 'close');
}

/** A virtual environment with packages; `alone`: without what they ask for, for packages that would bring torch. */
function python(place: Place, packages: readonly string[], alone: readonly string[] = []): string {
  const venv = join(place.folder, 'venv');
  const program = join(venv, 'bin', 'python');
  if (existsSync(program)) return program;
  execFileSync('python3', ['-m', 'venv', venv]);
  const pip = (args: readonly string[]) => execFileSync(program, ['-m', 'pip', 'install', '-q', ...args]);
  if (packages.length > 0) pip(packages);
  if (alone.length > 0) pip(['--no-deps', ...alone]);
  return program;
}

/** The newest file of a folder whose name ends so. */
function newest(folder: string, ending: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith(ending),
  );
  if (names.length === 0) throw new Error(`${folder} has no ${ending}`);
  return join(folder, names.sort().at(-1)!);
}

/** Without where it was made: the server's address, the folders, the machine's name. */
function cleaned(text: string, { folder, url }: Place): string {
  const port = new URL(url).port;
  return text
    .replaceAll(folder, '/scratch')
    .replaceAll(fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, ''), '/temper')
    .replaceAll(`127.0.0.1:${port}`, 'localhost:8000')
    .replaceAll(`127.0.0.1`, 'localhost');
}

const keep = (
  place: Place,
  from: string,
  to: string,
  change: (text: string) => string = (text) => text,
): void => {
  const text = cleaned(change(readFileSync(from, 'utf8')), place);
  if (text.length > 50_000)
    throw new Error(`${to}: ${text.length} characters, more than a fixture should have`);
  writeFileSync(join(fixtures, to), text);
  console.log(`wrote ${to}, ${text.length} characters`);
};

/** JSON without fields that say much of the machine and nothing to the importer. */
const without =
  (...names: readonly string[]) =>
  (text: string): string =>
    `${JSON.stringify(
      JSON.parse(text, (key, value: unknown) => (names.includes(key) ? undefined : value)),
      null,
      1,
    )}\n`;

/** The instructions of a scorer and of an attacker are long, and none of ours. */
const shortened = (text: string): string =>
  `${JSON.stringify(
    JSON.parse(text, (_key, value: unknown) =>
      typeof value === 'string' && value.length > 200 ? `${value.slice(0, 60)} ...` : value,
    ),
    null,
    1,
  )}\n`;

const TOOLS: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  async promptfoo(place) {
    if (!existsSync(join(place.folder, 'node_modules')))
      execFileSync('npm', ['install', '--prefix', place.folder, '--no-audit', '--no-fund', 'promptfoo']);
    copyFileSync(own('promptfooconfig.yaml'), join(place.folder, 'promptfooconfig.yaml'));
    const env = {
      BOT_URL: place.url,
      OPENAI_API_KEY: 'none',
      PROMPTFOO_CONFIG_DIR: join(place.folder, 'config'),
      PROMPTFOO_DISABLE_TELEMETRY: '1',
      PROMPTFOO_DISABLE_UPDATE: '1',
      PROMPTFOO_DISABLE_REMOTE_GENERATION: '1',
      PROMPTFOO_DISABLE_SHARING: '1',
    };
    const promptfoo = join(place.folder, 'node_modules', '.bin', 'promptfoo');
    await run(promptfoo, ['eval', '--no-cache', '--no-progress-bar', '-o', 'out.json'], place, env);
    keep(place, join(place.folder, 'out.json'), 'promptfoo.json', without('author', 'http'));
  },
  async inspect(place) {
    const program = python(place, ['inspect-ai', 'openai']);
    const logs = join(place.folder, 'logs');
    rmSync(logs, { recursive: true, force: true });
    await run(program, [own('inspect_task.py'), place.url, logs], place);
    const drop = without('events', 'events_data', 'attachments', 'revision', 'traceback', 'traceback_ansi');
    keep(place, newest(logs, '.json'), 'inspect.json', drop);
  },
  async pyrit(place) {
    const program = python(place, ['pyrit']);
    const file = join(place.folder, 'out.json');
    await run(program, [own('pyrit_export.py'), place.url, file], place);
    const hashes = ['original_value_sha256', 'converted_value_sha256', 'hash', 'eval_hash', 'pyrit_version'];
    const repeated = [
      'last_response',
      'last_score',
      'error_traceback',
      'prompt_metadata',
      'class_module',
      'scorable',
    ];
    keep(place, file, 'pyrit.json', (text) => shortened(without(...hashes, ...repeated)(text)));
  },
  async garak(place) {
    const program = python(place, ['garak']);
    const config = join(place.folder, 'garak.json');
    const generator = { uri: `${place.url}/`, name: 'bot', max_tokens: 40 };
    writeFileSync(config, JSON.stringify({ openai: { OpenAICompatible: generator } }));
    await run(
      program,
      [
        '-m',
        'garak',
        '--target_type',
        'openai.OpenAICompatible',
        '--target_name',
        'bot',
        '--generator_option_file',
        config,
        '--probes',
        'test.Test',
        '--detectors',
        'mitigation.MitigationBypass',
        '--generations',
        '1',
        '--report_prefix',
        join(place.folder, 'out'),
      ],
      place,
      {
        OPENAICOMPATIBLE_API_KEY: 'none',
        XDG_DATA_HOME: place.folder,
        XDG_CONFIG_HOME: place.folder,
        XDG_CACHE_HOME: place.folder,
      },
    );
    keep(place, join(place.folder, 'out.report.jsonl'), 'garak.report.jsonl');
    keep(place, join(place.folder, 'out.hitlog.jsonl'), 'garak.hitlog.jsonl');
  },
  async harmbench(place) {
    const checkout = join(place.folder, 'HarmBench');
    if (!existsSync(checkout))
      throw new Error(`${checkout}: no package has HarmBench, so its repository has to be there`);
    const program = python(place, ['openai', 'pyyaml', 'tqdm', 'numpy']);
    await run(program, [own('harmbench_run.py'), checkout, place.url, place.folder], place);
    keep(place, join(place.folder, 'completions.json'), 'harmbench-completions.json');
    keep(place, join(place.folder, 'results.json'), 'harmbench.json');
  },
};

const [tool = '', scratch] = process.argv.slice(2);
const make = Object.hasOwn(TOOLS, tool) ? TOOLS[tool] : undefined;
if (!make || scratch === undefined) {
  console.error(
    `node bench/importers/make.ts TOOL FOLDER\n  TOOL: ${Object.keys(TOOLS).join(', ')}; FOLDER: outside of the repository`,
  );
  process.exit(2);
}
const folder = resolve(scratch, tool);
mkdirSync(folder, { recursive: true });
await using server = await startServer();
await make({ folder, url: server.url });
