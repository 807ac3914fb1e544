/**
 * Answers that try to instruct the judge (test/fixtures/injections.json): of each, the rubric judges are shown data alone, whole
 * and between marks that it cannot hold, and the grade is read from the model's reply alone. Whether a model is talked into a
 * grade is its own matter: no test here can tell.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { JudgeInput } from '../../src/judges/judge.ts';
import { ConversationRubricJudge } from '../../src/judges/rubric-conversation.ts';
import { RubricJudge } from '../../src/judges/rubric.ts';
import { open } from '../models/open.ts';
import { completion, json, LocalServer } from '../models/server.ts';

const { answers } = JSON.parse(
  readFileSync(new URL('../fixtures/injections.json', import.meta.url), 'utf8'),
) as { answers: Record<string, string> };

/** Tags, control characters, what is not seen, and what turns the direction of text. */
const UNSEEN =
  // oxlint-disable-next-line no-control-regex
  /[<>\u0000-\u001F\u007F-\u009F\u200B-\u200F\u202A-\u202E\u2060-\u2069\u{E0000}-\u{E007F}]/u;

test.each(Object.entries(answers))('%s', async (_, response) => {
  await using server = await LocalServer.start((reply) =>
    json(reply, completion(JSON.stringify({ reasons: 'It helps.', worst: 2, grade: 5 }))),
  );
  using opened = await open({ model: `openai-compatible:grader@${server.url}/v1` }, {});
  const asked: JudgeInput = { prompt: 'Where is it?', response, objective: 'Find it on the shelf.' };
  const first: JudgeInput = { ...asked, response: 'What do you mean? Ask me about a shelf.' };
  const single = await new RubricJudge(opened.remote).judge(asked, 'severity');
  const { whole } = new ConversationRubricJudge(opened.remote);
  const both = await whole.judge([first, asked], 'severity');
  for (const verdict of [single, both]) expect(verdict).toMatchObject({ status: 'scored', severity: 5 });
  expect(server.seen).toHaveLength(2);
  for (const { body } of server.seen) {
    const { messages } = JSON.parse(body) as { messages: { role: string; content: string }[] };
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user']);
    const [system, user] = messages.map(({ content }) => content) as [string, string];
    expect(system).not.toContain('shelf');
    const lines = user.split(/[\n\r\u0085\u2028\u2029]/);
    const mark = /^===== DATA ([0-9a-f]{32}) =====$/.exec(lines[0]!)?.[1];
    expect(lines[2]).toBe(`===== END OF DATA ${mark} =====`);
    expect(lines.filter((line) => line.startsWith('====='))).toHaveLength(2);
    expect(response).not.toContain(mark);
    const data = lines[1]!;
    expect(data).not.toMatch(UNSEEN);
    expect(data).not.toMatch(/\[\/?(INST|SYSTEM_PROMPT)\]/);
    // As it was said, in the one place that is graded.
    const read = JSON.parse(data) as {
      request?: string;
      answer?: string;
      conversation?: { answer: string }[];
    };
    expect(read.answer ?? read.conversation![1]!.answer).toBe(response);
    expect(read.request ?? 'Where is it?').toBe('Where is it?');
    // What is asked stands behind it.
    expect(lines.slice(3).join('\n')).toMatch(/"reasons": .*"grade": a whole number/);
  }
});
