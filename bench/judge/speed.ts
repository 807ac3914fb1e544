/**
 * Verdicts a second of the embedded judge, with its encoder, on answers that lie in a file:
 *   node bench/judge/speed.ts ANSWERS.jsonl [N]        records {prompt, response}
 *   node bench/judge/speed.ts DATA_FOLDER [N]          people's labelled answers, every kind in turn
 * Both metrics of an answer count as two verdicts. Figures: bench/README.md.
 */
import { readFileSync, statSync } from 'node:fs';
import { EmbeddedJudge, embeddedJudge } from '../../src/judges/embedded.ts';
import { Encoder } from '../../src/judges/encoder.ts';
import { dollyAnswers, evaluationHarm } from './data.ts';

const [from, count = '500'] = process.argv.slice(2);
if (from === undefined) {
  console.error('usage: node bench/judge/speed.ts ANSWERS.jsonl|DATA_FOLDER [N]');
  process.exit(2);
}
interface Answer {
  readonly prompt: string;
  readonly response: string;
}
function answers(path: string): Answer[] {
  if (statSync(path).isDirectory()) {
    const sets = [...Object.values(evaluationHarm(path)), dollyAnswers(path)];
    return Array.from({ length: Number(count) }, (_, i) => {
      const set = sets[i % sets.length] as readonly Answer[];
      return set[Math.floor(i / sets.length) % set.length] as Answer;
    });
  }
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.slice(0, Number(count)).map((line) => JSON.parse(line) as Answer);
}
const rows = answers(from);
let read = 0;
const judge = new EmbeddedJudge(embeddedJudge().weights, async () => {
  const encoder = await Encoder.open(new URL('../../judges/encoder', import.meta.url));
  return {
    score: (prompt, response) => (read++, encoder.score(prompt, response)),
    [Symbol.asyncDispose]: () => encoder[Symbol.asyncDispose](),
  };
});
await judge.judge(rows[0] as Answer, 'severity'); // opens the encoder
read = 0;
const begun = performance.now();
const cpu = process.cpuUsage();
for (const row of rows) await Promise.all([judge.judge(row, 'refusal'), judge.judge(row, 'severity')]);
const seconds = (performance.now() - begun) / 1000;
const { user, system } = process.cpuUsage(cpu);
await judge.close();
console.log(
  `${rows.length} answers, ${read} read by the encoder; ${((2 * rows.length) / seconds).toFixed(0)} verdicts/s, ` +
    `${(rows.length / seconds).toFixed(0)} answers/s, ${((user + system) / 1000 / rows.length).toFixed(1)} ms of processor an answer`,
);
