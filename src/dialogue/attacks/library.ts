/** More templates, all of them data (prompts/attack-library.json): an entry there is an attack. */
import { z } from 'zod';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { parseData } from '../../scenarios/data-file.ts';
import { type Attack, templateAttack, templateText } from './attack.ts';

const text = z.string().min(1);

const schema = z.strictObject({
  id: text,
  version: text,
  templates: z.record(
    text,
    z.strictObject({
      family: text,
      description: text,
      source: text,
      texts: z.array(templateText).min(1),
    }),
  ),
  /** Capitals as five rows of five characters. */
  font: z.record(z.string().regex(/^[A-Z]$/), z.array(z.string().length(5)).length(5)),
});

const data = parseData(BUILT_IN.prompts('attack-library'), schema, 'prompts');

export const FONT: Readonly<Record<string, readonly string[]>> = data.font;

export const LIBRARY_TEXTS: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(data.templates).map(([id, { texts }]) => [id, texts]),
);

export const LIBRARY: Readonly<Record<string, Attack>> = Object.fromEntries(
  Object.entries(data.templates).map(([id, { texts, ...about }]) => [
    id,
    templateAttack({ id, ...about }, texts),
  ]),
);
