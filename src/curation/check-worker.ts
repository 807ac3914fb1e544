/** A thread of `CheckPool`: batches in, checked batches out, in the same order. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Batch, Checker, type CheckerOptions } from './checker.ts';

const checker = new Checker(workerData as CheckerOptions);
parentPort!.on('message', (batch: Batch) => {
  const checked = checker.batch(batch);
  parentPort!.postMessage(checked, [checked.prints.buffer]);
});
