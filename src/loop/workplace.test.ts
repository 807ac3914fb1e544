import { afterEach, expect, test, vi } from 'vitest';
import { configSchema } from '../config/config.ts';
import { testScenario } from '../../test/scenario.ts';
import { sftSchema } from '../training/recipe.ts';
import { settingsOf } from './workplace.ts';

const now = configSchema.parse({ directory: 'here', calls: { cache: false } });
const run = (config: unknown) => ({ id: 'r1', created: '2026-01-01', status: 'finished', config }) as const;

test('a run that was stored before there were models by call is of the embedded one', () => {
  const { model: _model, ...target } = configSchema.parse({
    target: { path: 'a.gguf', maxTokens: 9 },
  }).target;
  const { calls: _calls, ...rest } = configSchema.parse({ directory: 'there', seed: 5 });
  const settings = settingsOf(run({ ...rest, target }), now);
  expect(settings.target).toMatchObject({ model: 'embedded', path: 'a.gguf', maxTokens: 9 });
  expect(settings).toMatchObject({ seed: 5, directory: 'here', calls: { cache: false } });
});

test('a stored configuration that this version does not know is named, with what is wrong', () => {
  const read = () => settingsOf(run({ ...now, seed: 'x', gone: 1 }), now);
  expect(read).toThrow(expect.objectContaining({ code: 'absent' }) as Error);
  expect(read).toThrow(/run r1 is of another version of temper[^]*seed[^]*gone/);
});

afterEach(() => {
  vi.doUnmock('../core/ids.ts');
  vi.resetModules();
});

/** What one version of the program calls a conversation and a training, and what it says to the target. */
async function version(program: string | null) {
  vi.resetModules();
  if (program !== null)
    vi.doMock('../core/ids.ts', async (original) => {
      const ids = await original<typeof import('../core/ids.ts')>();
      return { ...ids, resultHash: (of: unknown) => ids.contentHash({ program, of }) };
    });
  const { conversationId, runConversations } = await import('../dialogue/run.ts');
  const { trainingId } = await import('../training/recipe.ts');
  const scenario = testScenario();
  const asked: unknown[] = [];
  const target = {
    id: 't',
    respond: (messages: unknown, { seed }: { seed: number }) => {
      asked.push([messages, seed]);
      return Promise.resolve({ text: 'Yes', finish: 'stop', tokens: 1 } as const);
    },
  };
  const conversations = await Array.fromAsync(
    runConversations([scenario], { target, isRefusal: () => false }, { seed: 1 }),
  );
  const recipe = sftSchema.parse({});
  return {
    asked,
    conversation: conversations.map(({ id }) => id),
    expected: [conversationId(scenario, 't', { seed: 1 }, 0)],
    training: trainingId({ recipe, data: 'd', model: 'm', start: 's' }),
  };
}

test('another version of the program has other conversations and trainings, and asks the same', async () => {
  const one = await version(null);
  const other = await version('temper/next');
  expect(one.conversation).toEqual(one.expected);
  expect(other.conversation).toEqual(other.expected);
  expect(other.conversation).not.toEqual(one.conversation);
  expect(other.training).not.toBe(one.training);
  expect(one.asked).toHaveLength(4);
  expect(other.asked).toEqual(one.asked);
});
