import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { loadConfig } from './config.ts';

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
