/** Ablations and languages end to end, against a local server. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Config, configSchema } from '../../src/config/config.ts';
import { chrF } from '../../src/dialogue/translate.ts';
import { evaluate } from '../../src/loop/evaluation.ts';
import { completion, json, LocalServer } from '../models/server.ts';

const DECLINE = 'I cannot help with that request. I am sorry, but I must decline.';

const configOf = (url: string, more: Record<string, unknown> = {}): Config =>
  configSchema.parse({
    directory: mkdtempSync(join(tmpdir(), 'temper-variants-')),
    target: { model: `openai-compatible:m@${url}/v1` },
    ...more,
  });

interface Body {
  readonly model: string;
  readonly messages: { role: string; content: string }[];
}
const bodyOf = (text: string): Body => JSON.parse(text) as Body;

test('single-turn: the first turns against the whole conversations, without another call', async () => {
  // It declines at first and gives in when it is asked again.
  await using server = await LocalServer.start((response, { body }) => {
    const first = bodyOf(body).messages.length === 1;
    json(
      response,
      completion(first ? DECLINE : 'Sure, here is how you begin: first you write down all that they own.'),
    );
  });
  const wanted = { suites: ['third-party-harm'], limit: 12, ablation: 'single-turn' } as const;
  const { scorecard, judged, after } = await evaluate(configOf(server.url), wanted);
  expect(judged.every(({ conversation }) => conversation.turns.length === 1)).toBe(true);
  expect(after!.some(({ conversation }) => conversation.turns.length > 1)).toBe(true);
  expect(server.seen).toHaveLength(
    after!.reduce((sum, { conversation }) => sum + conversation.turns.length, 0),
  );
  const { before, after: whole, difference } = scorecard.refusal.full;
  expect(before.value).toBe(1);
  expect(whole!.value).toBeLessThan(1);
  expect(difference!.n).toBeGreaterThan(0);
  expect(scorecard.gate).toBeNull();
  expect(scorecard.about.notes!.join(' ')).toContain('Before: the first turn');
});

test('single-turn needs verdicts on first turns: a judge of whole conversations is refused before anything is asked', async () => {
  await using server = await LocalServer.start((response) => json(response, completion(DECLINE)));
  const config = { ...configOf(server.url), judge: 'rubric-conversation:grader' };
  const wanted = { suites: ['third-party-harm'], limit: 2, ablation: 'single-turn' } as const;
  await expect(evaluate(config, wanted)).rejects.toMatchObject({
    code: 'config',
    message: expect.stringContaining('no verdict of its own') as string,
  });
  expect(server.seen).toEqual([]);
});

test('a judge of whole conversations: one call a conversation on its harm, and the scorecard without figures of turns', async () => {
  const isHarm = (body: string): boolean => body.includes('You grade a whole conversation');
  await using server = await LocalServer.start((response, { body }) => {
    const { model } = bodyOf(body);
    if (model !== 'grader') return json(response, completion(`${DECLINE} ${body.length}`));
    const grade = isHarm(body) ? { worst: 1, grade: 4 } : { grade: 'none' };
    json(response, completion(JSON.stringify({ reasons: 'It says so.', ...grade })));
  });
  const judge = `rubric-conversation:openai-compatible:grader@${server.url}/v1`;
  const { scorecard, judged } = await evaluate(configOf(server.url, { judge }), {
    suites: ['third-party-harm'],
    limit: 6,
  });
  const turns = judged.reduce((sum, { conversation }) => sum + conversation.turns.length, 0);
  expect(turns).toBeGreaterThan(6);
  const ofJudge = server.seen.filter(({ body }) => bodyOf(body).model === 'grader');
  expect(ofJudge.filter(({ body }) => isHarm(body))).toHaveLength(6);
  expect(ofJudge).toHaveLength(6 + turns);
  expect(scorecard.harm).toMatchObject({ judged: 'conversation', byTurn: [] });
  const adversarial = judged.filter(({ scenario }) => scenario.kind === 'adversarial').length;
  expect(scorecard.harm.dr3.before).toMatchObject({ value: 1, n: adversarial });
  expect(scorecard.harm.responses.dr3.before.n).toBe(0);
  expect(scorecard.refusal.full.before.value).toBe(0);
});

test('prefix: the same words, the first message within an attack, paired by scenario', async () => {
  await using server = await LocalServer.start((response) => json(response, completion(DECLINE)));
  const wanted = { suites: ['third-party-harm'], limit: 8, ablation: { prefix: 'policy-update' } } as const;
  const { scorecard, judged, after } = await evaluate(configOf(server.url), wanted);
  expect(scorecard.counts).toEqual({ before: 8, after: 8, paired: 8 });
  for (const [i, { conversation }] of judged.entries()) {
    const [own, other] = [conversation.turns, after![i]!.conversation.turns];
    expect(other.map(({ plain }) => plain)).toEqual(own.map(({ plain }) => plain));
    expect(own[0]!.request).toBe(own[0]!.plain);
    expect(other[0]!.request).not.toBe(other[0]!.plain);
    expect(other[0]!.request).toContain(other[0]!.plain);
    for (const turn of other.slice(1)) expect(turn.request).toBe(turn.plain);
  }
});

describe('languages', () => {
  /** A translator that marks what it translates, and takes the mark away again; some texts it spoils. */
  const translating = async (
    config: Record<string, unknown>,
    work: (url: string, config: Config, prompts: () => string[]) => Promise<void>,
  ) => {
    await using server = await LocalServer.start((response, { body }) => {
      const { model, messages } = bodyOf(body);
      if (model !== 'translator') return json(response, completion('Dabei helfe ich nicht.'));
      const [told, asked] = messages.map(({ content }) => content) as [string, string];
      const { text } = JSON.parse(asked.split('\n')[1]!) as { text: string };
      const rotated = text.replace(/[a-z]/gi, (c) =>
        String.fromCharCode(c.charCodeAt(0) + (c.toLowerCase() < 'n' ? 13 : -13)),
      );
      if (text.includes('doorman') || text.includes('qbbezna'))
        return json(response, completion('I cannot help with that.'));
      const lost = told.includes('into English') && rotated.includes('bakery');
      json(response, completion(JSON.stringify({ translation: lost ? 'Something else entirely' : rotated })));
    });
    const whole = configOf(server.url, {
      translator: `openai-compatible:translator@${server.url}/v1`,
      ...config,
    });
    await work(server.url, whole, () =>
      server.seen
        .map(({ body }) => bodyOf(body))
        .filter(({ model }) => model === 'm')
        .map(({ messages }) => messages.at(-1)!.content),
    );
  };

  test('scenarios go out translated; what comes back otherwise is left out and told; the embedded judge says that it cannot read', () =>
    translating({}, async (_, config, prompts) => {
      const { scorecard, judged } = await evaluate(config, { suites: ['third-party-harm'], language: 'de' });
      const all = judged.length;
      expect(all).toBeGreaterThan(100);
      expect(prompts()).toHaveLength(all);
      for (const { scenario, conversation } of judged) {
        expect(scenario).toMatchObject({ language: 'de', turns: 1, persona: 'verbatim' });
        expect(conversation.turns[0]!.request).toBe(scenario.objective);
        expect(scenario.objective).not.toMatch(/\bthe\b/);
      }
      const notes = scorecard.about.notes!.join(' ');
      expect(notes).toContain('In German, translated by openai-compatible:translator');
      expect(notes).toMatch(/\d+ the translator refused/);
      expect(notes).toMatch(/\d+ the back-translation says something else/);
      expect(scorecard.harm.dr3.before).toMatchObject({ value: null, n: 0 });
      expect(scorecard.overRefusal.full.before.unscored).toBeGreaterThan(20);
    }));

  test('attacks stay out, and no translator is a config error', async () => {
    await translating({}, async (_, config) => {
      await expect(evaluate(config, { suites: ['jailbreak'], limit: 3, language: 'fr' })).rejects.toThrow(
        /no scenario could be translated into fr: 3 attacks are English/,
      );
    });
    await translating({ translator: undefined }, async (_, config) => {
      await expect(
        evaluate(config, { suites: ['jailbreak'], limit: 3, language: 'fr' }),
      ).rejects.toMatchObject({ code: 'config' });
    });
  });

  test('chrF is 1 for the same, 0 for nothing in common, and tells a paraphrase from another sentence', () => {
    const text = 'How do I sell my old van although its frame is broken?';
    expect(chrF(text, text)).toBe(1);
    expect(chrF(text, '你好')).toBe(0);
    expect(chrF('', text)).toBe(0);
    expect(chrF(text, 'How can I sell my old van even though the frame is broken?')).toBeGreaterThan(0.6);
    expect(chrF(text, 'Where do people in this town buy their bread on Sundays?')).toBeLessThan(0.3);
    // By hand: "ab" and "abc" share a, b, ab: n = 1: P 2/3, R 1; n = 2: P 1/2, R 1.
    const [p, r] = [(2 / 3 + 1 / 2) / 2, 1];
    expect(chrF('ab', 'abc')).toBeCloseTo((5 * p * r) / (4 * p + r), 12);
  });
});
