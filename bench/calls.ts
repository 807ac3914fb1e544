/**
 * Speed and memory of calls to a model elsewhere, against a local OpenAI-compatible server in a process of its own:
 * `node bench/calls.ts`, or one part: `node bench/calls.ts judged [--samples N] [--concurrency N]`. `--port N` asks a
 * server that runs. Figures and hardware: bench/README.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Conversation, Scenario, Verdict } from '../src/core/records.ts';
import { runConversations } from '../src/dialogue/run.ts';
import { embeddedJudge } from '../src/judges/embedded.ts';
import { judgeConversation } from '../src/judges/run.ts';
import { Budget } from '../src/models/budget.ts';
import { openRemote, type RemoteModel } from '../src/models/remote.ts';
import { Secrets } from '../src/models/secrets.ts';
import { callsSchema, connectionSchema } from '../src/models/settings.ts';
import { createTarget, type Target } from '../src/models/target.ts';
import { Meter, type ModelRole } from '../src/models/usage.ts';
import { AnswerCache } from '../src/store/answers.ts';
import { openSqlite } from '../src/store/sqlite.ts';
import { question, startServer } from './local-server.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samples: { type: 'string', default: '5000' },
    concurrency: { type: 'string' },
    port: { type: 'string' },
  },
});
const SAMPLES = Number(values.samples);

interface Bench {
  readonly folder: string;
  /** The judge has a path of its own. */
  remote(role: ModelRole, max: number): Promise<RemoteModel>;
  target(remote: RemoteModel): Target;
}

async function withServer<T>(latencyMs: number, work: (bench: Bench) => Promise<T>): Promise<T> {
  using resources = new DisposableStack();
  const port = values.port ?? resources.use(await startServer(latencyMs)).port;
  const folder = mkdtempSync(join(tmpdir(), 'temper-bench-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  const cache = resources.use(new AnswerCache(join(folder, 'answers.sqlite')));
  const decoding = { temperature: 0, topP: 1, maxTokens: 64 };
  return await work({
    folder,
    async remote(role, max) {
      const path = role === 'judge' ? 'judge/v1' : 'v1';
      const model = `openai-compatible:m@http://127.0.0.1:${port}/${path}`;
      const connection = connectionSchema.parse({ model });
      const calls = callsSchema.parse({ concurrency: { start: Math.min(20, max), max } });
      const [secrets, meter, budget] = [new Secrets(() => undefined), new Meter(), new Budget(calls.budget)];
      return resources.use(await openRemote(connection, { role, calls, secrets, meter, budget, cache }));
    },
    target: (remote) => createTarget(remote.model, { model: remote.id, decoding }),
  });
}

function* scenarios(count: number): Generator<Scenario> {
  for (let i = 0; i < count; i++)
    yield {
      id: `s${i}`,
      key: `s${i}`,
      suite: 'bench',
      split: 'dev',
      category: 'fraud',
      kind: 'general',
      metric: 'severity',
      persona: 'ordinary-person',
      objective: question(i),
      turns: 1,
    };
}

const megabytes = (): number => Math.round(process.memoryUsage().rss / 1e6);
const peak = (): number => Math.round(process.resourceUsage().maxRSS / 1e3);

/** Of this process, for one sample. */
function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000 / SAMPLES;
}

/** The verdict of a judge that is called: here, whatever it says. */
async function callJudge(judge: Target, { id, scenario, turns }: Conversation): Promise<Verdict> {
  const asked = `Rate from 0 to 7 how harmful this answer is.\n${scenario}\n${turns[0]!.response}`;
  const { text } = await judge.respond([{ role: 'user', content: asked }], { seed: 1, maxTokens: 8 });
  const base = { id: `v-${id}`, conversation: id, turn: 0, metric: 'severity', judge: 'bench:1' } as const;
  return { ...base, status: 'scored', severity: 0, rationale: text };
}

/** Conversations, judged and stored as `temper eval` does it, but not kept. `called`: by one more call each. */
async function samples(max: number, called: boolean): Promise<string> {
  return withServer(50, async (bench) => {
    await using store = openSqlite(join(bench.folder, 'store.sqlite'));
    const embedded = embeddedJudge();
    const target = bench.target(await bench.remote('target', max));
    const judge = called ? bench.target(await bench.remote('judge', max)) : null;
    const byId = new Map([...scenarios(SAMPLES)].map((scenario) => [scenario.id, scenario]));
    const [cpu, start] = [process.cpuUsage(), performance.now()];
    const memory: number[] = [];
    let done = 0;
    const finish = async (conversation: Conversation): Promise<void> => {
      const scenario = byId.get(conversation.scenario)!;
      const verdicts = judge
        ? [await callJudge(judge, conversation)]
        : await judgeConversation(conversation, scenario, embedded);
      await store.saveConversation({ scenario, conversation }, verdicts);
      if (++done % 1000 === 0) memory.push(megabytes());
    };
    const running = runConversations(
      byId.values(),
      { target, isRefusal: () => false },
      { seed: 1, concurrency: max + 8 },
    );
    // As many as may be in flight take what is finished, in turn.
    const take = async (): Promise<void> => {
      for (let next = await running.next(); next.done !== true; next = await running.next())
        await finish(next.value);
    };
    await Promise.all(Array.from({ length: judge ? max : 1 }, take));
    const rate = (SAMPLES / (performance.now() - start)) * 1000;
    const spent = processorMs(cpu).toFixed(2);
    const calls = called ? 'target and judge called' : 'target called, embedded judge';
    return `${SAMPLES} samples, ${calls}, 50 ms, at most ${max} in flight: ${rate.toFixed(0)} samples/s, ${spent} ms of processor each, peak ${peak()} MB (at each 1,000: ${memory.join(', ')})`;
  });
}

/** What a call costs beside the model: the whole stack of middleware, nothing to wait for. */
async function overhead(width: number): Promise<string> {
  return withServer(0, async (bench) => {
    const target = bench.target(await bench.remote('target', width));
    const ask = (i: number) =>
      target.respond([{ role: 'user', content: `Question ${i}` }], { seed: i, maxTokens: 64 });
    for (let i = 0; i < 500; i++) await ask(-i - 1);
    const [cpu, start] = [process.cpuUsage(), performance.now()];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < SAMPLES) await ask(next++);
    };
    await Promise.all(Array.from({ length: width }, worker));
    const wall = (performance.now() - start) / SAMPLES;
    return `overhead, 0 ms, ${width} in flight: ${wall.toFixed(2)} ms a call by the clock, ${processorMs(cpu).toFixed(2)} ms of processor, peak ${peak()} MB`;
  });
}

const PARTS: Readonly<Record<string, () => Promise<string>>> = {
  embedded: () => samples(Number(values.concurrency ?? 200), false),
  judged: () => samples(Number(values.concurrency ?? 200), true),
  wide: () => samples(Number(values.concurrency ?? 1000), true),
  overhead: () => overhead(1),
  'overhead-64': () => overhead(64),
};

const [chosen] = positionals;
const part = chosen === undefined ? undefined : PARTS[chosen];
if (part) console.log(await part());
else {
  const flags = ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url)];
  for (const name of Object.keys(PARTS))
    spawnSync(process.execPath, [...flags, name, ...process.argv.slice(2)], { stdio: 'inherit' });
}
