import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AdaptiveLimiter, type CallOutcome, type Release } from './limiter.ts';

/** Lets everything that can go on go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Pauses that end when the test says so. */
function manualPauses() {
  const open: (() => void)[] = [];
  return {
    delay: () => new Promise<void>((resolve) => open.push(resolve)),
    end: () => {
      for (const resolve of open.splice(0)) resolve();
    },
  };
}

const success = { outcome: 'success' as CallOutcome, pause: false, aborts: false };

const call = fc.record({
  outcome: fc.constantFrom<CallOutcome>('success', 'overload', 'failure'),
  pause: fc.boolean(),
  aborts: fc.boolean(),
});

describe('AdaptiveLimiter', () => {
  test('never freezes, and keeps its bounds, whatever the calls do', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(call, { minLength: 1, maxLength: 120 }),
        fc.infiniteStream(fc.nat()),
        async (start, max, calls, choices) => {
          const pauses = manualPauses();
          const limiter = new AdaptiveLimiter({ start, max, delay: pauses.delay });
          const held: { release: Release; call: (typeof calls)[number] }[] = [];
          let done = 0;
          let aborted = 0;
          const bounds = (): void => {
            expect(limiter.limit).toBeGreaterThanOrEqual(1);
            expect(limiter.limit).toBeLessThanOrEqual(max);
            expect(limiter.inFlight).toBe(held.length);
          };
          for (const one of calls) {
            const controller = new AbortController();
            limiter.acquire(controller.signal).then(
              (release) => held.push({ release, call: one }),
              () => aborted++,
            );
            // One that has its place already goes on; one that waits is taken out.
            if (one.aborts) controller.abort(new Error('stopped'));
          }
          while (done + aborted < calls.length) {
            await settle();
            bounds();
            if (held.length === 0) {
              // Only a pause may hold everything, and every pause ends.
              expect(limiter.waiting).toBeGreaterThan(0);
              pauses.end();
              await settle();
              expect(held.length).toBeGreaterThan(0);
              continue;
            }
            const at = (choices.next().value as number) % held.length;
            const [{ release, call: one }] = held.splice(at, 1) as [(typeof held)[number]];
            release(one.outcome, one.outcome === 'overload' && one.pause ? 1 : 0);
            done++;
          }
          expect(limiter.waiting).toBe(0);
          expect(limiter.inFlight).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('when it is disposed of, nothing of a pause is left', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const limiter = new AdaptiveLimiter({ start: 1, max: 1 });
    (await limiter.acquire())('overload', 60_000);
    expect(timers()).toBe(before + 1);
    limiter[Symbol.dispose]();
    await settle();
    expect(timers()).toBe(before);
  });

  test('no more are in flight than the limit lets start', async () => {
    const limiter = new AdaptiveLimiter({ start: 3, max: 3 });
    const releases: Release[] = [];
    for (let i = 0; i < 10; i++) void limiter.acquire().then((release) => releases.push(release));
    await settle();
    expect(releases).toHaveLength(3);
    releases.shift()!('failure');
    await settle();
    expect(releases).toHaveLength(3);
    expect(limiter.waiting).toBe(6);
  });

  test('grows by one for each success while it is full, and not while it is idle', async () => {
    const limiter = new AdaptiveLimiter({ start: 2, max: 5 });
    const alone = await limiter.acquire();
    alone('success');
    expect(limiter.limit).toBe(2);
    const both = [await limiter.acquire(), await limiter.acquire()];
    both[0]!('success');
    expect(limiter.limit).toBe(3);
    both[1]!('success');
    expect(limiter.limit).toBe(3);
  });

  test('halves once for calls that were in flight together, then by one a round trip', async () => {
    const limiter = new AdaptiveLimiter({ start: 8, max: 100 });
    const releases = await Promise.all(Array.from({ length: 8 }, () => limiter.acquire()));
    for (const release of releases) release('overload');
    expect(limiter.limit).toBe(4);
    const again = await Promise.all(Array.from({ length: 4 }, () => limiter.acquire()));
    again[0]!('success');
    expect(limiter.limit).toBe(4);
    // 4 + 1/4: three more full successes make the fifth place.
    for (let i = 0; i < 4; i++) (await limiter.acquire())('success');
    expect(limiter.limit).toBe(5);
    for (const release of again.slice(1)) release('failure');
    expect(limiter.limit).toBe(5);
    (await limiter.acquire())('overload');
    expect(limiter.limit).toBe(2);
  });

  test('a place cannot be given back twice', async () => {
    const release = await new AdaptiveLimiter({ start: 1, max: 1 }).acquire();
    release('success');
    expect(() => release('success')).toThrow(/twice/);
  });

  test('it recovers from one place', async () => {
    const limiter = new AdaptiveLimiter({ start: 1, max: 4 });
    for (let i = 0; i < 5; i++) (await limiter.acquire())('overload');
    expect(limiter.limit).toBe(1);
    for (let i = 0; i < 12; i++) {
      const releases = await Promise.all(Array.from({ length: limiter.limit }, () => limiter.acquire()));
      for (const release of releases) release(success.outcome);
    }
    expect(limiter.limit).toBe(4);
  });
});
