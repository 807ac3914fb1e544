/** What a later round trains: what the round before released, or a fresh adapter. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { saveAdapter } from '../../src/engine/adapter.ts';
import type { Chain } from '../../src/loop/chain.ts';
import { NO_REGRESSION } from '../../src/loop/regression.ts';
import { startingAdapter } from '../../src/loop/training.ts';
import { Workplace } from '../../src/loop/workplace.ts';
import { tinyGguf } from '../tiny-model.ts';

test('rounds.from', async () => {
  const work = mkdtempSync(join(tmpdir(), 'temper-from-'));
  const model = tinyGguf(join(work, 'tiny.gguf'));
  const config = loadConfig(undefined, [`directory=${work}`, `target.path=${model}`]);
  await using workplace = await Workplace.open(config, {});
  const weights = workplace.targets.weights!;
  const { training } = config;
  const fresh = startingAdapter(weights, { training });
  const start = join(work, 'released');
  saveAdapter(start, fresh.adapter, { base: 'tiny' });
  const second: Chain = {
    number: 2,
    of: 2,
    previous: 'first',
    start,
    former: [],
    regression: NO_REGRESSION,
  };
  const anew: Chain = { ...second, from: 'base' };

  expect(startingAdapter(weights, { training, chain: second }).id).toBe('released');
  expect(startingAdapter(weights, { training, chain: anew }).id).toBe(fresh.id);
  const [one, other] = await Promise.all([second, anew].map((chain) => workplace.round({ chain })));
  expect(one!.id).not.toBe(other!.id);
});
