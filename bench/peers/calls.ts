/**
 * Calls to a model elsewhere beside promptfoo and Inspect: the same prompts to the same local server, 50 ms an answer, in turn.
 * `node bench/peers/calls.ts --python PYTHON --promptfoo FOLDER [--judged] [--samples 5000] [--concurrency 100,200] [--rounds 1]
 * [NAME...]`: PYTHON has inspect-ai and openai, FOLDER is one in which `npm install promptfoo` ran. `--judged`: a judge is called
 * for each answer, too. All of it runs in a network of its own, in which there is only the machine itself. Figures and hardware:
 * bench/README.md.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { question, startServer } from '../local-server.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    judged: { type: 'boolean', default: false },
    samples: { type: 'string', default: '5000' },
    concurrency: { type: 'string', default: '100,200' },
    rounds: { type: 'string', default: '1' },
    python: { type: 'string', default: 'python3' },
    promptfoo: { type: 'string', default: '.' },
  },
});
const LATENCY_MS = 50;
const samples = Number(values.samples);
const prompts = Array.from({ length: samples }, (_, i) => question(i));

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const flags = ['--disable-warning=ExperimentalWarning'];

/** Where a tool runs: an empty folder, which is its home as well. */
interface Place {
  readonly folder: string;
  readonly port: number;
  /** Most calls in flight, of the model and of the judge. */
  readonly width: string;
}

interface Tool {
  readonly command: (place: Place) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const url = ({ port }: Place): string => `http://127.0.0.1:${port}/v1`;
const judgeUrl = ({ port }: Place): string => `http://127.0.0.1:${port}/judge/v1`;

const TOOLS: Readonly<Record<string, Tool>> = {
  /** Judged, by the embedded judge where none is called, and stored, as `temper eval` does it. */
  temper: {
    command: ({ port, width }) => [
      process.execPath,
      ...flags,
      beside('../calls.ts'),
      values.judged ? 'judged' : 'embedded',
      '--samples',
      values.samples,
      '--concurrency',
      width,
      '--port',
      String(port),
    ],
  },
  promptfoo: {
    command: (place) => {
      const config = join(place.folder, 'config.json');
      const provider = { apiBaseUrl: url(place), apiKey: 'none', temperature: 0, max_tokens: 64 };
      const judge = { id: 'openai:chat:judge', config: { ...provider, apiBaseUrl: judgeUrl(place) } };
      const assert = values.judged
        ? [{ type: 'llm-rubric', value: 'The answer declines.', provider: judge }]
        : [{ type: 'icontains', value: 'sorry' }];
      const tests = prompts.map((text) => ({ vars: { question: text } }));
      const providers = [{ id: 'openai:chat:m', config: provider }];
      writeFileSync(
        config,
        JSON.stringify({ prompts: ['{{question}}'], providers, defaultTest: { assert }, tests }),
      );
      const program = realpathSync(join(resolve(values.promptfoo), 'node_modules/.bin/promptfoo'));
      const quiet = ['--no-cache', '--no-table', '--no-progress-bar', '--no-share'];
      return [process.execPath, program, 'eval', '-c', config, '-j', place.width, ...quiet];
    },
    env: {
      PROMPTFOO_DISABLE_TELEMETRY: '1',
      PROMPTFOO_DISABLE_UPDATE: '1',
      PROMPTFOO_DISABLE_REMOTE_GENERATION: '1',
    },
  },
  inspect: {
    command: (place) => {
      const { folder, width } = place;
      const file = join(folder, 'samples.jsonl');
      writeFileSync(
        file,
        prompts.map((input, id) => `${JSON.stringify({ id, input, target: 'sorry' })}\n`).join(''),
      );
      const many = ['--max-connections', width, '--max-samples', width];
      const quiet = ['--display', 'none', '--no-log-realtime', '--log-dir', join(folder, 'logs')];
      const model = ['--model', 'openai-api/bench/m', '--model-base-url', url(place)];
      const judge = ['-T', `judge=${judgeUrl(place)}`, '-T', `connections=${width}`];
      const sampled = ['--temperature', '0', '--max-tokens', '64', '-T', `file=${file}`];
      if (values.judged) sampled.push(...judge);
      // By a relative path alone does Inspect find a task.
      const task = 'inspect_calls.py';
      copyFileSync(beside(task), join(folder, task));
      return [values.python, '-m', 'inspect_ai', 'eval', task, ...model, ...many, ...sampled, ...quiet];
    },
    env: { BENCH_API_KEY: 'none' },
  },
};

/** Runs it to its end, and says what the server and the system saw of it. */
async function measure(name: string, width: string, { command, env = {} }: Tool): Promise<string> {
  using server = await startServer(LATENCY_MS);
  const folder = mkdtempSync(join(tmpdir(), 'temper-peers-'));
  const [time, log] = [join(folder, 'time'), join(folder, 'log')];
  const output = openSync(log, 'w');
  try {
    const args = ['-f', '%e %U %S %M', '-o', time, ...command({ folder, port: server.port, width })];
    const { PATH = '', LANG = 'C.UTF-8' } = process.env;
    const { status } = spawnSync('/usr/bin/time', args, {
      cwd: folder,
      env: { PATH, LANG, HOME: folder, ...env },
      stdio: ['ignore', output, output],
    });
    const { requests, seconds, mostAtOnce } = await server.served();
    if (status !== 0 || requests !== samples * (values.judged ? 2 : 1))
      throw new Error(
        `${name}: exit ${status}, ${requests} calls for ${samples} samples\n${readFileSync(log, 'utf8').slice(-2000)}`,
      );
    const [wall, user, system, peak] = readFileSync(time, 'utf8')
      .trim()
      .split('\n')
      .at(-1)!
      .split(' ')
      .map(Number);
    const cells = [
      `${(samples / seconds).toFixed(0)} samples/s`,
      `${(samples / wall!).toFixed(0)} with start and end (${wall!.toFixed(1)} s)`,
      `${(((user! + system!) / samples) * 1000).toFixed(2)} ms of processor each`,
      `peak ${(peak! / 1000).toFixed(0)} MB`,
      `at most ${mostAtOnce} at once`,
    ];
    return `${name.padEnd(10)} ${width.padStart(4)}: ${cells.join(', ')}`;
  } finally {
    closeSync(output);
    rmSync(folder, { recursive: true, force: true });
  }
}

const ALONE = 'TEMPER_BENCH_ALONE';

/** Telemetry that is switched off may still say that it is: here it reaches nobody. */
function aloneOnTheMachine(): void {
  const inside = 'ip link set lo up && exec "$0" "$@"';
  const args = ['-rn', 'sh', '-c', inside, process.execPath, ...flags, ...process.argv.slice(1)];
  const { status, error } = spawnSync('unshare', args, {
    stdio: 'inherit',
    env: { ...process.env, [ALONE]: '1' },
  });
  if (error) throw new Error('needs Linux with unshare (util-linux) and ip (iproute2)', { cause: error });
  process.exitCode = status ?? 1;
}

if (process.env[ALONE] === undefined) aloneOnTheMachine();
else {
  const names = positionals.length > 0 ? positionals : Object.keys(TOOLS);
  const judge = values.judged ? 'model and judge are called' : 'the model is called';
  console.log(`${samples} samples, ${judge}, ${LATENCY_MS} ms; at most so many in flight:`);
  for (let round = 0; round < Number(values.rounds); round++)
    for (const name of names) {
      const tool = TOOLS[name];
      if (!tool) throw new Error(`no tool ${name}: ${Object.keys(TOOLS).join(', ')}`);
      for (const width of values.concurrency.split(',')) console.log(await measure(name, width, tool));
    }
}
