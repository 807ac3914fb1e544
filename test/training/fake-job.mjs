/**
 * Stands for the Python script of a job: `node fake-job.mjs FOLDER ADAPTER BEHAVIOUR`. It writes what the script writes, or
 * goes wrong in one of its ways.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, adapter, behaviour] = process.argv.slice(2);
const job = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'));
const step = (number) =>
  appendFileSync(
    join(folder, 'metrics.jsonl'),
    `${JSON.stringify({ step: number, steps: job.steps, loss: 1 / number, num_tokens: number * 100, 'tokens/s': 50 })}\n`,
  );
const finish = () => {
  cpSync(adapter, join(folder, 'adapter'), { recursive: true });
  const bytes = readFileSync(join(folder, 'adapter', 'adapter_model.safetensors'));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(folder, 'done.json'), JSON.stringify({ steps: job.steps, sha256 }));
};
const count = (name) => {
  appendFileSync(join(folder, name), '.');
  return readFileSync(join(folder, name), 'utf8').length;
};

if (behaviour === 'queue') {
  count('launches');
} else if (behaviour === 'fetch') {
  const looks = count('looks');
  if (looks === 1) process.exit(255); // the connection is lost
  if (looks <= job.steps + 1) step(looks - 1);
  else finish();
} else if (behaviour === 'vanish') {
  step(1);
  console.error('Killed: out of memory');
  process.exit(137);
} else if (behaviour === 'fail') {
  writeFileSync(join(folder, 'failed.json'), JSON.stringify({ error: 'No module named trl' }));
  process.exit(1);
} else {
  appendFileSync(join(folder, 'metrics.jsonl'), 'not a line of metrics\n');
  for (let number = 1; number <= job.steps; number++) step(number);
  finish();
  if (behaviour === 'swapped' && existsSync(join(folder, 'adapter')))
    writeFileSync(join(folder, 'adapter', 'adapter_model.safetensors'), 'other bytes');
}
