import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { dpoSchema, sftSchema } from '../training/recipe.ts';
import { loadConfig } from './config.ts';
import { readYaml } from './yaml.ts';

function problemsOf(yaml: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'temper-config-')), 'temper.yaml');
  writeFileSync(path, yaml);
  try {
    loadConfig(path);
  } catch (error) {
    expect(error).toMatchObject({ code: 'config' });
    return (error as TemperError).message;
  }
  return '';
}

describe('models in temper.yaml', () => {
  test('all problems are told at once, by their place, without the key that was written', () => {
    const message = problemsOf(`
target: { model: "http", apiKey: sk-live-0123456789, timeout: 3 }
targets:
  a: { model: "azure:gpt" }
  b: { model: "nobody:x", price: { input: -1, output: 1 } }
calls: { retries: -1, concurrency: { start: 50, max: 10 } }
`);
    for (const place of [
      'target.apiKey',
      'target.http',
      'target.baseUrl',
      'targets.a.resource',
      'targets.b.model',
      'targets.b.price.input',
      'calls.retries',
      'calls.concurrency.start',
    ])
      expect(message).toContain(place);
    expect(message).not.toContain('sk-live');
  });

  test('each provider as docs/models.md writes it is accepted', () => {
    expect(
      problemsOf(`
target: { model: "openai-compatible:qwen", baseUrl: http://localhost:8000/v1, apiKey: { env: VLLM_API_KEY } }
targets:
  azure: { model: "azure:my-deployment", resource: my-resource, apiVersion: "2024-10-21" }
  bedrock: { model: "bedrock:anthropic.claude", region: eu-west-1 }
  bot:
    model: http:bot
    baseUrl: https://bot.localhost/chat
    headers: { X-Token: { env: BOT_TOKEN } }
    http: { body: { question: "{{prompt}}", past: "{{history}}" }, response: answer.text }
  script: { model: command:script, command: { run: [python3, bot.py], format: json } }
calls: { budget: { calls: 1000, dollars: 5 } }
`),
    ).toBe('');
  });
});

describe('YAML', () => {
  test('every syntax error is told, each with its line', () => {
    const message = problemsOf('a: [\nb: "x\n c: }\n');
    expect(message).toMatch(/temper\.yaml, line 2: .*\n.*temper\.yaml, line 4: /);
  });
  test('an alias of nothing, and one that expands without end', () => {
    expect(problemsOf('target: *nope\n')).toContain('nope');
    const bomb = ['a0: &a0 [x, x]'];
    for (let i = 1; i < 40; i++) bomb.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
    expect(problemsOf(bomb.join('\n'))).toContain('alias');
  });
  test('every --set that is broken is told', () => {
    expect(() => loadConfig(undefined, ['target.system="x', 'seed=1', 'nothing', 'seed=*y'])).toThrow(
      /target\.system[^]*nothing[^]*seed/,
    );
  });
  test('a problem of --set is not said of the file', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'temper-config-')), 'good.yaml');
    writeFileSync(path, 'target: { maxTokens: 8 }\n');
    const load = (...set: string[]) => loadConfig(path, set);
    expect(() => load('target.apiKey=sk-live', 'seeed=1')).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(
          /^--set: 2 problems\n( {2}--set (target\.apiKey|seeed): .*\n?){2}$/,
        ) as string,
      }) as Error,
    );
    writeFileSync(path, 'target: { maxTokens: 0 }\n');
    expect(() => load('seed=x')).toThrow(
      /good\.yaml: 2 problems\n {2}--set seed: .*\n {2}target\.maxTokens: /,
    );
  });
  test('a value of --set that is broken YAML is no value, and is not repeated', () => {
    for (const value of ['"You are sk-live', '*x'])
      expect(() => loadConfig(undefined, [`target.system=${value}`])).toThrow(
        expect.objectContaining({
          code: 'config',
          message: expect.not.stringContaining('sk-live') as string,
        }) as Error,
      );
  });
});

describe('recipes in files', () => {
  const work = mkdtempSync(join(tmpdir(), 'temper-recipes-'));
  const file = (name: string, text: string): string => {
    const path = join(work, name);
    writeFileSync(path, text);
    return path;
  };
  const problem = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      expect(error).toMatchObject({ code: 'config' });
      return (error as TemperError).message;
    }
    return '';
  };

  test('one file serves --recipe and a configuration; --set goes before it', () => {
    const recipe = file('a.yaml', 'kind: dpo\nbeta: 0.3\nloss: ipo\nlora: { rank: 4, rslora: true }\n');
    const config = file(
      'temper.yaml',
      `training: { lora: { rank: 8 }, dpo: ${recipe}, sft: { epochs: 1 } }\n`,
    );
    const named = loadConfig(undefined, ['training.lora.alpha=5'], {}, recipe);
    const configured = loadConfig(config, ['training.lora.alpha=5']);
    const set = loadConfig(undefined, [`training.dpo=${recipe}`, 'training.lora.alpha=5']);
    for (const { training } of [named, configured, set]) {
      expect(training.dpo).toMatchObject({ beta: 0.3, loss: 'ipo', learningRate: 1e-3 });
      expect(training.lora).toMatchObject({ rank: 4, alpha: 5, rslora: true });
    }
    expect(configured.training.sft.epochs).toBe(1);
    expect(loadConfig(undefined, ['training.dpo.beta=0.2'], {}, recipe).training.dpo!.beta).toBe(0.2);
  });

  test('all that is wrong with a recipe is told at once, by the keys of its file', () => {
    const recipe = file('b.yaml', 'kind: sft\nlearningRat: 1\nepochs: -1\npatience: 2\nlora: { rank: 0 }\n');
    const told = problem(() => loadConfig(undefined, [], {}, recipe));
    expect(told).toContain(`${recipe}: `);
    for (const key of ['  learningRat: no such key', '  epochs: ', '  lora.rank: '])
      expect(told).toContain(key);
    expect(problem(() => loadConfig(undefined, [], {}, file('c.yaml', 'kind: ppo\nlora: 3\n')))).toMatch(
      /kind: write sft or dpo\n {2}lora: /,
    );
    expect(problem(() => loadConfig(file('d.yaml', `training: { dpo: ${recipe} }\n`)))).toContain(
      'of the kind sft',
    );
    expect(problem(() => loadConfig(undefined, ['training.sft.patience=2']))).toContain('set evaluateEvery');
    // Of a recipe that --set names, its file said it; what --set says after that is its own.
    const wrong = file('w.yaml', 'kind: sft\nepochs: 1e999\n');
    const blamed = problem(() => loadConfig(undefined, [`training.sft=${wrong}`]));
    expect(blamed.startsWith(`${wrong}: 1 problem\n  epochs: `)).toBe(true);
    for (const own of ['training.sft.epochs=-1', 'training.sft={epochs: -1}'])
      expect(problem(() => loadConfig(undefined, [`training.sft=${wrong}`, own]))).toContain(
        '--set training.sft.epochs: ',
      );
    const [one, two] = [
      file('e.yaml', 'kind: sft\nlora: { rank: 4 }\n'),
      file('f.yaml', 'kind: dpo\nlora: { rank: 2 }\n'),
    ];
    expect(problem(() => loadConfig(file('g.yaml', `training: { sft: ${one}, dpo: ${two} }\n`)))).toContain(
      'different things under lora',
    );
  });

  test('the examples have every key, and the defaults where they say so', () => {
    const { training } = loadConfig(undefined);
    const sft = loadConfig(undefined, [], {}, 'examples/recipes/sft.yaml').training;
    expect(sft).toEqual(training);
    const written = (kind: string) => Object.keys(readYaml(`examples/recipes/${kind}.yaml`, ''));
    const known = (shape: object) => Object.keys(shape).filter((key) => key !== 'pairs');
    expect(new Set([...written('sft'), 'patience'])).toEqual(new Set([...known(sftSchema.shape), 'lora']));
    expect(new Set(written('dpo'))).toEqual(new Set(known(dpoSchema.shape)));
    expect(loadConfig(undefined, [], {}, 'examples/recipes/dpo.yaml').training.dpo!.patience).toBe(3);
  });
});
