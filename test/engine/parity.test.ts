/** The engine against Hugging Face transformers on the same file: numbers from bench/parity/golden.py. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { freshAdapter } from '../../src/engine/adapter.ts';
import { scoringGraph } from '../../src/engine/build.ts';
import { sequenceFeeds } from '../../src/engine/sequences.ts';
import { Generator } from '../../src/engine/generator.ts';
import type { LoadedModel } from '../../src/engine/model.ts';
import { scoreCompletions } from '../../src/engine/scorer.ts';
import { Session } from '../../src/engine/session.ts';
import { defaultModel } from '../model.ts';

interface Row {
  prompt: string;
  ids: number[];
  probe: number[];
  logits: number[];
  completion: number[];
  logp: number;
  greedy: number[];
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/parity.json', import.meta.url), 'utf8')) as {
  rows: Row[];
  completionText: string;
};
let model: LoadedModel;

beforeAll(async () => {
  model = await defaultModel();
});

test('there are 20 prompts', () => expect(golden.rows).toHaveLength(20));

test('chat template and tokenizer give the same tokens', () => {
  for (const row of golden.rows) {
    expect(model.tokenizer.encodeChat([{ role: 'user', content: row.prompt }]), row.prompt).toEqual(row.ids);
    expect([...model.tokenizer.encode(golden.completionText), model.tokenizer.endOfTurn]).toEqual(
      row.completion,
    );
  }
});

test('next-token logits agree to 1e-3 relative, up to the constant that softmax ignores', async () => {
  const graph = scoringGraph(model.config, null, { logprobs: true });
  await using session = await Session.create(graph, model.weights, { placement: 'fed' });
  for (const row of golden.rows) {
    const feeds = sequenceFeeds(model, [
      { prompt: row.ids, completion: [row.greedy[0] ?? model.tokenizer.endOfTurn] },
    ]);
    const { logprobs } = await session.run(feeds, { logprobs: null });
    const ours = row.probe.map((token) => (logprobs!.data as Float32Array)[token] as number);
    const shift = row.logits[0]! - ours[0]!;
    row.logits.forEach((logit, i) => {
      expect(Math.abs(ours[i]! + shift - logit) / Math.max(1, Math.abs(logit)), row.prompt).toBeLessThan(
        1e-3,
      );
    });
  }
});

test('log-probabilities of given completions agree, whatever the batch', async () => {
  const sequences = golden.rows.map((row) => ({ prompt: row.ids, completion: row.completion }));
  const scores = await scoreCompletions(model, sequences);
  scores.forEach((logps, i) => {
    const total = logps.reduce((a, b) => a + b, 0);
    expect(Math.abs(total - golden.rows[i]!.logp) / Math.abs(golden.rows[i]!.logp)).toBeLessThan(1e-3);
  });
});

test('greedy answers are the same tokens, alone and in a batch, with and without a fresh adapter', async () => {
  const adapter = freshAdapter(model.config, {
    rank: 4,
    alpha: 8,
    targets: ['q_proj', 'down_proj'],
    seed: 1,
  });
  for (const options of [{ batch: 20 }, { batch: 3, adapter }]) {
    await using generator = await Generator.create(model, options);
    const results = await Promise.all(
      golden.rows.map((row) => generator.generate({ prompt: row.ids, maxTokens: 24 })),
    );
    results.forEach((result, i) => {
      const wanted = golden.rows[i]!.greedy;
      const stop = wanted.findIndex((token) => model.tokenizer.stopTokens.has(token));
      expect(result.tokens, golden.rows[i]!.prompt).toEqual(stop < 0 ? wanted : wanted.slice(0, stop));
    });
  }
});
