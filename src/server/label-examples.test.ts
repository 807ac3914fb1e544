/** Each place of each scale has an anchor and an example. */
import { expect, test } from 'vitest';
import { ANCHORS } from '../calibration/anchors.ts';
import { SCALES } from '../calibration/scale.ts';
import { LABEL_EXAMPLES } from './label-examples.ts';

test.each(['severity', 'refusal', 'ungroundedness'] as const)('%s', (metric) => {
  const { length } = SCALES[metric].labels;
  expect(length).toBeGreaterThan(2);
  expect(ANCHORS[metric].length).toBe(length);
  expect(new Set(LABEL_EXAMPLES[metric].answers).size).toBe(length);
});
