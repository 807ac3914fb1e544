/**
 * The filters of curation over a stream: `node bench/curation.ts [examples]`. Writes that many examples of invented words (one
 * in ten repeats an earlier one in nearly the same words, one in a hundred holds an address, one in a thousand a sealed
 * text) and passes the file through `temper filter` in a process of its own. Figures: bench/README.md.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configSchema } from '../src/config/config.ts';
import { rng, type Rng } from '../src/core/rng.ts';
import { loadSplits, roundScenarios } from '../src/loop/scenarios.ts';
import { loadPromptList } from '../src/scenarios/suite.ts';
import { BUILT_IN } from '../src/scenarios/built-in.ts';

const count = Number(process.argv[2] ?? 1_000_000);
const directory = mkdtempSync(join(tmpdir(), 'temper-bench-curation-'));
const [input, kept, held] = ['in.jsonl', 'kept.jsonl', 'held.jsonl'].map((name) => join(directory, name));
const config = configSchema.parse({ directory });
const { guarded } = roundScenarios(config, loadSplits(config));
// Words as they are in English texts, with some that are new.
const words = loadPromptList(BUILT_IN.everyday).prompts.flatMap((prompt) => prompt.split(' '));
const random: Rng = rng('bench', count);
const text = (length: number): string[] =>
  Array.from({ length }, () => (random.int(4) === 0 ? `w${random.int(1e6)}` : random.pick(words)));

const recent: string[][] = [];
const file = openSync(input!, 'w');
let lines: string[] = [];
for (let i = 0; i < count; i++) {
  const repeats = recent.length > 0 && i % 10 === 9;
  const words = repeats ? [...random.pick(recent), 'please'] : text(10 + random.int(30));
  if (!repeats) recent[recent.length < 1000 ? recent.length : random.int(1000)] = words;
  const prompt =
    (i % 1000 === 1 ? `${random.pick(guarded).text} ` : '') +
    words.join(' ') +
    (i % 100 === 3 ? ` ada${i}@lovelace.net` : '');
  const [chosen, rejected] = [text(30).join(' '), text(20 + random.int(30)).join(' ')];
  lines.push(JSON.stringify({ prompt, chosen, rejected }));
  if (lines.length === 1000 || i === count - 1) {
    writeSync(file, `${lines.join('\n')}\n`);
    lines = [];
  }
}
closeSync(file);
console.log(`${count} examples, ${(statSync(input!).size / 1e6).toFixed(0)} MB`);

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const started = performance.now();
const child = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    main,
    'filter',
    input!,
    '--out',
    kept!,
    '--held',
    held!,
    '--language',
    'en',
    '--json',
  ],
  { stdio: ['ignore', 'pipe', 'ignore'] },
);
let peak = 0;
let processor = 0;
const TICKS = 100;
const memory = setInterval(() => {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  // Fields 14 and 15 of proc_pid_stat(5), user and system time; the name in brackets may hold spaces.
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  processor = (Number(fields[11]) + Number(fields[12])) / TICKS;
}, 500);
let said = '';
for await (const chunk of child.stdout.setEncoding('utf8')) said += String(chunk);
clearInterval(memory);
const seconds = (performance.now() - started) / 1000;
console.log(said.trim());
console.log(
  `${Math.round(count / seconds)} examples/s, ${seconds.toFixed(0)} s, ${processor.toFixed(0)} s of processor, peak ${Math.round(peak / 1024)} MiB`,
);
rmSync(directory, { recursive: true });
