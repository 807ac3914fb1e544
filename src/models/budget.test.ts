import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget, type Settle } from './budget.ts';

const none = { calls: null, tokens: null, dollars: null };
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Budget', () => {
  test('calls: exactly as many, then a stop that stays', async () => {
    const budget = new Budget({ ...none, calls: 2 });
    for (let i = 0; i < 2; i++) await budget.reserve({ tokens: 5, dollars: 0 });
    const refused = expect(budget.reserve({ tokens: 0, dollars: 0 })).rejects;
    await refused.toMatchObject({ code: 'budget', message: expect.stringContaining('2 calls') as string });
    await expect(budget.reserve({ tokens: 0, dollars: 0 })).rejects.toMatchObject({ code: 'budget' });
    expect(budget.spent.calls).toBe(2);
  });

  test('a call waits while those in flight may still cost less than they reserved', async () => {
    const budget = new Budget({ ...none, tokens: 100 });
    const first = await budget.reserve({ tokens: 80, dollars: 0 });
    let second: Settle | undefined;
    void budget.reserve({ tokens: 50, dollars: 0 }).then((settle) => (second = settle));
    await settle();
    expect(second).toBeUndefined();
    first({ tokens: 30, dollars: 0 });
    await settle();
    expect(second).toBeDefined();
  });

  test('a waiting call can be aborted', async () => {
    const budget = new Budget({ ...none, dollars: 1 });
    await budget.reserve({ tokens: 0, dollars: 1 });
    const controller = new AbortController();
    const waiting = budget.reserve({ tokens: 0, dollars: 1 }, controller.signal);
    controller.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });

  test('never spends more than its limits, and every call is granted or refused', async () => {
    const amounts = fc.record({ reserved: fc.nat(50), share: fc.double({ min: 0, max: 1, noNaN: true }) });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          calls: fc.option(fc.integer({ min: 1, max: 40 })),
          tokens: fc.option(fc.integer({ min: 1, max: 400 })),
        }),
        fc.array(amounts, { maxLength: 60 }),
        fc.infiniteStream(fc.nat()),
        async (limits, calls, choices) => {
          const budget = new Budget({ ...none, ...limits });
          const held: { settle: Settle; actual: number }[] = [];
          let ended = 0;
          for (const { reserved, share } of calls)
            budget.reserve({ tokens: reserved, dollars: 0 }).then(
              (done) => held.push({ settle: done, actual: Math.floor(reserved * share) }),
              () => ended++,
            );
          for (await settle(); held.length > 0; await settle()) {
            const [{ settle: done, actual }] = held.splice(
              (choices.next().value as number) % held.length,
              1,
            ) as [(typeof held)[number]];
            done({ tokens: actual, dollars: 0 });
            ended++;
          }
          expect(ended).toBe(calls.length);
          expect(budget.spent.calls).toBeLessThanOrEqual(limits.calls ?? Number.POSITIVE_INFINITY);
          expect(budget.spent.tokens).toBeLessThanOrEqual(limits.tokens ?? Number.POSITIVE_INFINITY);
        },
      ),
      { numRuns: 150 },
    );
  });
});
