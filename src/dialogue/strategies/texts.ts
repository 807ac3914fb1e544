/** The texts of the strategies (prompts/strategies.json). `{request}`, `{topic}` and `{prompt}` are filled in. */
import { z } from 'zod';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { parseData } from '../../scenarios/data-file.ts';

const text = z.string().min(1);
const variants = z.array(text).min(1);

const schema = z.strictObject({
  id: text,
  version: text,
  /** By strategy: steps, and for each step wordings of it. */
  steps: z.record(text, z.array(variants).min(1)),
  'made-up': z.record(text, z.array(z.strictObject({ role: z.enum(['user', 'assistant']), content: text }))),
  pair: z.strictObject({
    styles: z.record(text, variants),
    improve: z.strictObject({ refused: variants, weak: variants }),
  }),
  goat: z.record(text, variants),
  'many-shot': z.strictObject({
    head: text,
    shots: z.array(z.tuple([text, text])).min(1),
    tail: text.includes('{request}'),
  }),
  'indirect-injection': z.strictObject({ documents: z.array(text.includes('{request}')).min(1) }),
  /** Beginnings of an answer. */
  prefill: variants,
  /** Beginnings of an answer that a suffix is searched for. */
  gcg: variants,
  tap: z.strictObject({ mutations: z.array(text.includes('{prompt}')).min(1) }),
  attacker: z.strictObject({
    role: text,
    objective: text.includes('{objective}'),
    strategies: z.record(text, text),
    rules: variants,
    data: text,
    reply: text,
    again: text.includes('{problem}').includes('{reply}'),
    'on-topic': text.includes('{objective}'),
    'on-topic-reply': text,
  }),
});

export const TEXTS = parseData(BUILT_IN.prompts('strategies'), schema, 'prompts');

/** Places filled once: what is filled in is not looked at again. */
export const fill = (pattern: string, values: Readonly<Record<string, string>>): string =>
  pattern.replace(/\{(\w+)\}/g, (place, name: string) =>
    Object.hasOwn(values, name) ? values[name]! : place,
  );
