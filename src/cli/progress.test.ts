import { expect, test } from 'vitest';
import { createProgress } from './progress.ts';

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
