/** The languages that scenarios can be translated into, and what a translator is told (prompts/translator.json). */
import { z } from 'zod';
import { BUILT_IN } from './built-in.ts';
import { parseData } from './data-file.ts';

const text = z.string().min(1);

export const TRANSLATOR = parseData(
  BUILT_IN.prompts('translator'),
  z.strictObject({
    id: text,
    version: text,
    role: z.string().includes('{from}').includes('{to}'),
    reply: z.string().includes('{to}'),
    again: z.string().includes('{problem}').includes('{reply}'),
    /** By code; `document`: what stands before a document that a question is about. */
    languages: z.record(z.string(), z.strictObject({ name: text, document: text })),
  }),
  'prompts',
);

export const LANGUAGES = TRANSLATOR.languages;
