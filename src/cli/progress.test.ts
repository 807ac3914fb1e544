import { expect, test } from 'vitest';
import { createProgress, duration } from './progress.ts';

test('stages and figures from elsewhere cannot steer the terminal', () => {
  let shown = '';
  const write = (text: string): boolean => ((shown += text), true);
  const emit = createProgress({ isTTY: false, write } as unknown as NodeJS.WriteStream);
  const stage = 'measure \u001B]8;;x\u0007\nerror: no';
  emit({ type: 'stage', stage, status: 'start', detail: '\u001B[2J' });
  emit({ type: 'progress', stage, done: 1, total: 1, unit: 'records', detail: { loss: '\u009B1A' } });
  // oxlint-disable-next-line no-control-regex
  expect(shown).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]|^error/m);
  expect(shown.split('\n')).toHaveLength(3);
});

test('durations: one style, no 60 s, hours above an hour', () => {
  const shown = [0.4, 59.4, 59.6, 79, 479.7, 3599.6, 3600, 3629.9, 7170].map(duration);
  expect(shown).toEqual([
    '0 s',
    '59 s',
    '1 min 00 s',
    '1 min 19 s',
    '8 min 00 s',
    '1 h 00 min',
    '1 h 00 min',
    '1 h 00 min',
    '2 h 00 min',
  ]);
});

test('a phase says which of how many it is', () => {
  let shown = '';
  const write = (text: string): boolean => ((shown += text), true);
  const emit = createProgress({ isTTY: false, write } as unknown as NodeJS.WriteStream);
  emit({ type: 'stage', stage: 'train sft', status: 'start', phase: { number: 3, of: 6 } });
  emit({ type: 'stage', stage: 'choose', status: 'skipped', phase: { number: 5, of: 6 } });
  expect(shown).toBe('[3/6] train sft\n[5/6] choose: done before\n');
});
