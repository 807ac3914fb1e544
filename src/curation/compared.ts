/**
 * What examples are compared by where near duplicates are sought: the request without the attack around it. An attack's own words
 * make any two requests inside it alike, so only requests inside one attack are compared, and without its words.
 */
import type { PreferenceExample, Scenario } from '../core/records.ts';
import { TEMPLATE_TEXTS } from '../dialogue/attacks/index.ts';
import { normalisedWords } from './shingles.ts';

export interface Compared {
  readonly text: string;
  /** Only those under one attack can be alike. */
  readonly attack?: string | undefined;
}

interface Wrapper {
  readonly attack: string;
  readonly before: string;
  readonly after: string;
}

/** Words of an attack from which on they would outweigh those of a request. */
const FEW_WORDS = 8;
/** The attacks of a chain that are looked for, one inside the other. */
const MOST_INSIDE = 4;

const WRAPPERS: readonly Wrapper[] = Object.entries(TEMPLATE_TEXTS)
  .flatMap(([attack, texts]) =>
    texts.map((text) => {
      const [before = '', after = ''] = text.split('{request}').map((part) => part.trim());
      return { attack, before, after };
    }),
  )
  .filter(({ before, after }) => normalisedWords(`${before} ${after}`).length >= FEW_WORDS);

/** The text inside the first of temper's own templates that it stands in. */
function unwrapped(text: string): { attack: string; inside: string } | null {
  for (const { attack, before, after } of WRAPPERS)
    if (text.startsWith(before) && text.endsWith(after)) {
      const inside = text.slice(before.length, Math.max(before.length, text.length - after.length)).trim();
      if (inside !== '') return { attack, inside };
    }
  return null;
}

const isUsers = ({ role }: { readonly role: string }): boolean => role === 'user';

/** All messages of the prompt; of a single request the words inside the templates of temper's attacks, as far as it stands in some. */
export function messagesOf({ prompt }: Pick<PreferenceExample, 'prompt'>): Compared {
  const attacks: string[] = [];
  const single = prompt.filter(isUsers).length === 1;
  const contents = prompt.map((message) => {
    let text = message.content;
    if (!single || !isUsers(message)) return text;
    text = text.trim();
    for (let found = unwrapped(text); found && attacks.length < MOST_INSIDE; found = unwrapped(text)) {
      attacks.push(found.attack);
      text = found.inside;
    }
    return text;
  });
  return { text: contents.join('\n'), ...(attacks.length > 0 ? { attack: attacks.join('+') } : {}) };
}

/** As a scenario has it: the request without the attack, and its name. */
export type Asked = Pick<Scenario, 'objective'> & { readonly attack?: string | undefined };

/** Compares by what an example's lineage tells of its request; what it does not tell is read from the words. */
export const comparedBy =
  (askedOf: (example: PreferenceExample) => Asked | undefined) =>
  (example: PreferenceExample): Compared => {
    const asked = askedOf(example);
    const single = example.prompt.filter(isUsers).length === 1;
    return asked?.attack !== undefined && single
      ? { text: asked.objective, attack: asked.attack }
      : messagesOf(example);
  };
