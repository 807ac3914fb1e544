/** How a refusal begins, so that a model does not learn one phrase for all: by English words, the commonest ways of public sets. */
import type { PreferenceExample } from '../core/records.ts';

/** Characters in which it is decided. */
const OPENING = 240;

/** The first that fits; `I'm sorry, but as an AI ...` is the role's, whose words stand out. */
const STYLES: readonly (readonly [name: string, pattern: RegExp])[] = [
  [
    'as an AI',
    /\bas an? (?:\w+ ){0,2}(?:ai|assistant|language model|chatbot)\b|\bi(?: am|'m) (?:just |only )?an? (?:\w+ )?(?:ai|language model)\b/,
  ],
  [
    'sorry',
    /^\W*(?:i(?: am|'m) (?:\w+ )?(?:sorry|afraid)|sorry|i (?:\w+ )?apologi[sz]e|my apologies|apologies|unfortunately|i regret)\b/,
  ],
  [
    'cannot',
    /\bi(?: simply| really)? (?:can't|cannot|can not|couldn't|am unable|am not able|am not allowed)\b|\bi'm (?:unable|not able|not allowed)\b/,
  ],
  [
    'will not',
    /\bi(?: will not|'ll not| won't| wouldn't| would not| refuse| (?:must |have to )?decline| don't (?:feel|want)| do not (?:feel|want)|(?: am|'m) not (?:going|willing|comfortable))\b|\bi(?: would|'d) rather not\b/,
  ],
  [
    'says that it is wrong',
    /\b(?:is|are|would be|isn't|aren't) (?:\w+ ){0,3}(?:illegal|unethical|wrong|harmful|dangerous|inappropriate|immoral|against the law|a crime|crimes|unsafe|unacceptable|never (?:okay|ok|acceptable)|not (?:\w+ )?(?:okay|ok|appropriate|acceptable|ethical|legal|right|safe))\b/,
  ],
];

/** All of them; of an answer that begins otherwise, and of none. */
export const OTHER_STYLE = 'other words';
export const NO_REFUSAL = 'none';

export function refusalStyle(text: string): string {
  const opening = text.slice(0, OPENING).toLowerCase().replaceAll('’', "'");
  return STYLES.find(([, pattern]) => pattern.test(opening))?.[0] ?? OTHER_STYLE;
}

/** Of the answer that may decline: what is learnt of a harmful request, what is unlearnt of a harmless one. */
export function refusalStyleOf({ purpose, chosen, rejected }: PreferenceExample): string {
  const declined = purpose === 'harm' ? chosen : rejected;
  const text = declined[0]?.content ?? '';
  const style = text.trim() === '' ? NO_REFUSAL : refusalStyle(text);
  // What is worse about an answer to a harmless request need not be that it declines.
  return purpose !== 'harm' && style === OTHER_STYLE ? NO_REFUSAL : style;
}
