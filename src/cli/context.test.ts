import { describe, expect, test } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { z } from 'zod';
import { boundedShare, inOrder } from './context.ts';

// oxlint-disable-next-line require-await
async function* numbers(): AsyncGenerator<number> {
  for (let i = 0; i < 100; i++) yield i;
}

/** A job that ends when the test or the signal says so. */
function jobs() {
  const under = new Map<number, (end: 'answer' | Error) => void>();
  const aborted: number[] = [];
  const work = (input: number, signal: AbortSignal): Promise<number> =>
    new Promise((resolve, reject) => {
      under.set(input, (end) => (end === 'answer' ? resolve(input) : reject(end)));
      signal.addEventListener('abort', () => {
        aborted.push(input);
        reject(signal.reason as Error);
      });
    });
  return { under, aborted, work };
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each([
  ['10.6', /10\.6 % is 0\.106/],
  ['10.6 %', /10\.6 % is 0\.106/],
  ['0.5%', /0\.5 % is 0\.005/],
  ['1060', /Too big/],
  ['x', /Give a number/],
  ['x%', /Give a number/],
])('a share given as %s', (text, message) => {
  expect(() => boundedShare(z.number().gt(0).lt(1))(text)).toThrow(message);
});
test('a share', () => expect(boundedShare(z.number().min(0).max(1))('1')).toBe(1));

describe('inOrder', () => {
  test('a consumer that fails stops what is under way, and nothing more is begun', async () => {
    const { under, aborted, work } = jobs();
    const consumed = (async () => {
      for await (const _ of inOrder(numbers(), 8, work)) throw new Error('the disk is full');
    })();
    await settle();
    under.get(0)!('answer');
    await expect(consumed).rejects.toThrow('the disk is full');
    expect(under.size).toBe(8);
    expect(aborted).toEqual(expect.arrayContaining([1, 2, 3, 4, 5, 6, 7]));
  });

  test('a job that fails stops the others, but what is paid for may end', async () => {
    const endedBy = async (error: Error) => {
      const { under, aborted, work } = jobs();
      let ended = false;
      const consume = async () => {
        try {
          for await (const _ of inOrder(numbers(), 3, work));
        } finally {
          ended = true;
        }
      };
      const failed = expect(consume()).rejects.toBe(error);
      await settle();
      under.get(0)!(error);
      await settle();
      const waits = !ended;
      for (const end of under.values()) end('answer');
      await failed;
      return { aborted: aborted.length, waits };
    };
    expect(await endedBy(new Error('a bug'))).toEqual({ aborted: 3, waits: false });
    expect(await endedBy(new TemperError('budget', 'spent'))).toEqual({ aborted: 0, waits: true });
  });
});
