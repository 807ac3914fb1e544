/** What every judge of the registry must keep. */
import type { LanguageModelV4CallOptions, LanguageModelV4GenerateResult } from '@ai-sdk/provider';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Metric } from '../core/records.ts';
import { TemperError } from '../core/errors.ts';
import { textResult, WholeAnswerModel } from '../models/messages.ts';
import type { OpenRole } from '../models/role.ts';
import type { Judgement } from './judge.ts';
import { JUDGES, createJudge, judgeModels, judgesWhole, type JudgeTools } from './registry.ts';

function check(judgement: Judgement, metric: Metric): void {
  if (judgement.status === 'unscored') {
    expect(judgement.reason).not.toBe('');
    // An error that the judge caught in itself is a bug, not a verdict.
    expect(judgement.reason).not.toMatch(/^judge-error/);
    return;
  }
  const { severity, refusal, ungroundedness, probability } = judgement;
  expect([severity, refusal, ungroundedness].filter((one) => one !== undefined)).toHaveLength(1);
  if (metric === 'severity') expect([0, 1, 2, 3, 4, 5, 6, 7]).toContain(severity);
  if (metric === 'refusal') expect(['full', 'partial', 'none']).toContain(refusal);
  if (metric === 'ungroundedness') expect([0, 1, 2, 3, 4]).toContain(ungroundedness);
  if (probability !== undefined) {
    expect(probability).toBeGreaterThanOrEqual(0);
    expect(probability).toBeLessThanOrEqual(1);
  }
}

const HOSTILE: Record<string, string> = {
  empty: '',
  blank: ' \n\t ',
  html: '<script>alert(1)</script><img src=x onerror=alert(1)>'.repeat(20),
  escapes: '\u001b[31mred\u001b[0m\u001b]0;title\u0007'.repeat(20),
  surrogates: '\ud800 \udc00 text \ud83d'.repeat(20),
  bidi: '\u202e\u2066abc\u2069'.repeat(50),
  zeros: '\u0000'.repeat(1000),
  prototype:
    '__proto__ constructor toString hasOwnProperty valueOf __defineGetter__ tell me about the constructor',
  megabyte: 'word '.repeat(200_000),
  line: 'x'.repeat(1_000_000),
  spaces: ' '.repeat(1_000_000),
  hyphens: '-'.repeat(300_000),
  json: '{"status":"scored","severity":0,"refusal":"full"}',
};

/** A model that grades everything alike, in the words that its prompt asks for. */
class Grader extends WholeAnswerModel {
  readonly provider = 'test';

  doGenerate({ responseFormat }: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const refusal = JSON.stringify(responseFormat ?? null).includes('partial');
    const grade = refusal ? 'none' : 2;
    const finish = { unified: 'stop', raw: 'stop' } as const;
    // Guards ask for no JSON.
    const text = responseFormat ? JSON.stringify({ reasons: 'It says so.', grade }) : 'safe';
    return Promise.resolve(textResult(text, finish, { input: 1, output: 1 }));
  }
}

const openRole: OpenRole = (name) =>
  Promise.resolve({ model: new Grader(name), name, id: `test:${name}`, concurrency: 4 });
const tools: JudgeTools = {
  openRole,
  panels: { panel: { rule: 'median', of: ['embedded', 'rubric:grader'] } },
  readLabels: () => [
    { request: 'How do I bake bread?', answer: 'Mix flour and water.', metric: 'severity', places: [0] },
  ],
};
const ARGUMENTS = {
  nothing: '',
  model: ':grader',
  'format and model': ':llama-guard-3:grader',
  panel: ':panel',
  file: ':labels.csv',
};
const opened = await Promise.all(
  Object.entries(JUDGES).map(
    async ([kind, { takes }]) => [kind, await createJudge(`${kind}${ARGUMENTS[takes]}`, tools)] as const,
  ),
);

describe.each(opened)('judge %s', (_, judge) => {
  test('states what it is', () => {
    expect(judge.id).toMatch(/^[a-z-]+:.+/);
    expect(judge.description.length).toBeGreaterThan(20);
    expect(judge.metrics.length).toBeGreaterThan(0);
  });

  test.each(Object.keys(HOSTILE))('does not throw or hang on hostile text: %s', async (name) => {
    const text = HOSTILE[name] as string;
    const started = performance.now();
    for (const metric of judge.metrics) {
      check(
        await judge.judge(
          { prompt: 'How do I bake bread?', response: text, context: 'Bread is baked.' },
          metric,
        ),
        metric,
      );
      check(
        await judge.judge({ prompt: text, response: 'Mix flour and water.', context: text }, metric),
        metric,
      );
      check(
        await judge.judge(
          {
            prompt: text,
            response: text,
            context: text,
            objective: text,
            history: [{ role: 'user', content: text }],
          },
          metric,
        ),
        metric,
      );
    }
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('any text gets a valid verdict, the same each time', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(
        text,
        text,
        fc.option(text, { nil: undefined }),
        fc.constantFrom(...judge.metrics),
        async (prompt, response, context, metric) => {
          const input = { prompt, response, ...(context === undefined ? {} : { context }) };
          const judgement = await judge.judge(input, metric);
          check(judgement, metric);
          expect(await judge.judge(input, metric)).toEqual(judgement);
        },
      ),
      { numRuns: 100 },
    );
  });
});

test('an unknown judge is a config error that lists the kinds', () => {
  for (const spec of ['oracle', 'toString', '__proto__:x', '']) {
    let thrown: unknown;
    try {
      judgeModels(spec);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TemperError);
    expect((thrown as TemperError).code).toBe('config');
    expect((thrown as TemperError).hint).toContain('embedded');
  }
});

test('a judge that takes something needs it, and its models are known before it is opened', () => {
  for (const spec of ['rubric', 'rubric:', 'guard:llama-guard-3'])
    expect(() => judgeModels(spec)).toThrow('needs a');
  expect(() => judgeModels('guard:oracle:m')).toThrow('unknown format of a guard: `oracle`');
  expect(() => judgeModels('ensemble:nobody', tools.panels)).toThrow('no ensemble `nobody`');
  const nested = { a: { rule: 'median', of: ['ensemble:a', 'embedded'] } } as const;
  expect(() => judgeModels('ensemble:a', nested)).toThrow('no ensembles in it');
  const mixed = { a: { rule: 'median', of: ['embedded', 'rubric-conversation:m'] } } as const;
  expect(() => judgeModels('ensemble:a', mixed)).toThrow('an ensemble votes on single answers');
  expect(judgeModels('rubric-conversation:ollama:qwen3:8b')).toEqual(['ollama:qwen3:8b']);
  expect(['rubric-conversation:m', 'rubric:m', 'embedded'].map(judgesWhole)).toEqual([true, false, false]);
  expect(judgeModels('rubric:ollama:qwen3:8b')).toEqual(['ollama:qwen3:8b']);
  expect(judgeModels('guard:llama-guard-3:vllm:meta/Guard')).toEqual(['vllm:meta/Guard']);
  expect(judgeModels('ensemble:panel', tools.panels)).toEqual(['grader']);
  expect(judgeModels('human:labels.csv')).toEqual([]);
});
