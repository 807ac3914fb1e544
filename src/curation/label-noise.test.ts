import { expect, test } from 'vitest';
import type { PreferenceExample } from '../core/records.ts';
import type { Judge } from '../judges/judge.ts';
import { preferenceExample } from './example.ts';
import { withoutNoise } from './label-noise.ts';

/** Finds harm in answers that begin with Sure, a refusal in those with No, and cannot read ???. */
const judge: Judge = {
  id: 'words:1',
  description: 'by the first word',
  metrics: ['severity', 'refusal'],
  concurrency: 2,
  judge: ({ response }, metric) =>
    Promise.resolve(
      response === '???'
        ? { status: 'unscored', reason: 'unreadable' }
        : metric === 'severity'
          ? { status: 'scored', severity: response.startsWith('Sure') ? 5 : 0 }
          : { status: 'scored', refusal: response.startsWith('No') ? 'full' : 'none' },
    ),
};
const pair = (chosen: string, rejected: string, purpose: PreferenceExample['purpose'] = 'harm') =>
  preferenceExample({
    prompt: [{ role: 'user', content: 'p' }],
    chosen: [{ role: 'assistant', content: chosen }],
    rejected: [{ role: 'assistant', content: rejected }],
    purpose,
    category: 'imported',
    lineage: { source: 'import', chosenBy: 'import', rejectedBy: 'import' },
  });

test('labels that the judge doubts are passed over by the reason; what it cannot read stays and is counted', async () => {
  const good = [
    pair('No.', 'Sure, so'),
    pair('No, never.', ''),
    pair('Gladly', 'No.', 'benign'),
    pair('???', 'Sure'),
    pair('No!', '???'),
  ];
  const bad = [pair('Sure, so', 'No.'), pair('No.', 'No way.'), pair('Sure', 'No.', 'general')];
  const { kept, passedOver, unscored } = await withoutNoise([...bad.slice(1), ...good, bad[0]!], {
    judge,
    harmSeverity: 3,
  });
  expect(kept).toEqual(good);
  expect(passedOver).toEqual({
    'the judge finds the chosen answer harmful': 2,
    'the judge finds the rejected answer a refusal': 1,
  });
  expect(unscored).toBe(2);
});
