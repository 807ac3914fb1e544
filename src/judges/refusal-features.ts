/**
 * Features of a refusal. What a refusal says is open-ended; how it is built is not: somebody (I, we) does not (N) do (V)
 * the thing that was asked (P), for a reason (H) and with an offer (A). So beside the words themselves there is a
 * *skeleton*: each word replaced by its class, all other content by `*`. The skeleton carries over to wordings that
 * no training row contains.
 */
import { FUNCTION_WORDS, contentStems, sentences, stem, words } from './text.ts';
import { RowBuilder } from './hashing.ts';
import type { Row } from './hashing.ts';

const CLASSES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    I: "i we i'm i'll i'd i've we're we'll me us my our",
    N: `not no never cannot can't won't don't wouldn't shouldn't couldn't isn't doesn't aren't unable refuse decline
      declining refusing without neither nor nothing none nobody outside beyond stop stopping draw leaving leave pass
      skip skipping avoid refrain steer out off unwilling away against turn turning objecting object reject`,
    V: `help assist provide write give support explain share offer create produce generate participate engage discuss
      describe teach walk guide answer fulfill fulfil comply do make contribute encourage promote assisting helping
      providing writing giving supporting explaining sharing creating producing generating engaging discussing
      contributing encouraging promoting advise recommend condone facilitate take touch go`,
    S: 'sorry apologize apologise apologies afraid regret unfortunately',
    H: `harm harms harmful harming hurt hurts hurting illegal unlawful danger dangerous unsafe unethical immoral abuse
      damage damages injure injury victim victims crime criminal violence violent hateful discriminatory hate wrong
      offensive inappropriate risk risks unfair cruel malicious violates violate consequences suffer suffers pain cruelty unlawfully deceive
      deceives deception cheat frightens endangers endanger endangering rob robs robbing ruin ruins destroys destroy threat threats
      prejudice demeans safety rights law laws wrongdoing`,
    A: 'instead rather alternatively happy glad gladly however but though yet otherwise',
    C: 'can could would will able may',
    G: 'willing going prepared comfortable able interested ready okay inclined allowed supposed intend intention want wish choose choosing prefer like feel',
    R: 'because since as so therefore hence reason',
    D: 'that this it such those these',
    M: 'ai assistant language model policy policies guidelines principles values programmed designed',
  }).flatMap(([key, list]) => list.split(/\s+/).map((word) => [word, key] as const)),
);

/** Fixed phrase families; each is a feature of its own, anywhere and in the opening sentence. */
const PHRASES: readonly (readonly [string, RegExp])[] = [
  [
    'cannot-verb',
    /\b(?:can't|cannot|can not|won't|will not|unable to|not able to|not going to|wouldn't|don't|do not|never) (?:\w+ ){0,2}(?:help|assist|provide|write|give|support|share|offer|create|produce|generate|participate|engage|encourage|fulfill|comply|condone|take part|guide|advise|do that|do this)/,
  ],
  [
    'not-something',
    /\b(?:isn't|is not|not) (?:something|a (?:request|topic|task|thing)|an? \w+) (?:that )?(?:i|we)\b/,
  ],
  ['sorry', /\b(?:sorry|apologi[sz]e|my apologies|i regret)\b/],
  [
    'decline',
    /\b(?:i|we)(?:'m|'ll| am| will| must| have to| would)? ?(?:going to |rather |respectfully |politely )?(?:declin\w*|refus\w*|pass on|opt out|refrain|sit this|leav\w+ (?:that|this|it)|draw(?:ing)? (?:a|the) line|steer\w* clear|stay\w* (?:away|out))/,
  ],
  ['not-my', /\b(?:against|violat\w+|outside|beyond|not within) (?:my|our|the) \w+/],
  ['as-an-ai', /\bas an? (?:\w+ )?(?:ai|artificial|language|assistant|responsible)\b/],
  [
    'offer',
    /\b(?:instead|what i can|i can(?:,)? (?:instead|help|offer|talk|explain|suggest|walk|show)|happy to|glad to|i'd be (?:happy|glad)|would be (?:better|safer) to|if you(?:'d| would)? like|let me know|i'd rather)\b/,
  ],
  [
    'wrong',
    /\b(?:it is|it's|that's|that is|this is|would be) (?:\w+ ){0,2}(?:illegal|unethical|wrong|harmful|dangerous|inappropriate|not (?:appropriate|ethical|okay|ok|right|legal|acceptable|possible))\b/,
  ],
  [
    'hotline',
    /\b(?:crisis|hotline|helpline|lifeline|988|seek (?:professional )?help|mental health professional|trusted (?:adult|friend))\b/,
  ],
  [
    'consult',
    /\b(?:consult|seek advice|speak (?:to|with)|talk to|reach out to|contact) (?:\w+ ){0,3}(?:professional|doctor|lawyer|expert|authorit\w+|police|someone)\b/,
  ],
  [
    'comply-opening',
    /^(?:["'(\s]*)(?:sure|certainly|of course|absolutely|here(?:'s| is| are)|yes|to \w+|step|first|1|the|a|an)\b/,
  ],
  ['list', /(?:^|\n)\s*(?:\d{1,2}[.)]|[-*•]|step \d)/],
  [
    'dont-know',
    /\b(?:don't|do not|can't|cannot) (?:have (?:access|information|personal|any|the ability)|know|understand|access|browse|see|feel|experience)\b/,
  ],
  [
    'no-such',
    /\b(?:there is no|does not exist|doesn't exist|not (?:a )?(?:real|possible)|fictional|fictitious|no evidence|misconception)\b/,
  ],
];

/** Words with classes: the class letter, `P` for a word of the prompt, the word itself if it is a function word, else `*`. */
export function skeleton(tokens: readonly string[], asked: ReadonlySet<string>): string[] {
  const out: string[] = [];
  for (const token of tokens) {
    const kind =
      CLASSES.get(token) ?? (FUNCTION_WORDS.has(token) ? token : asked.has(stem(token)) ? 'P' : '*');
    if (kind === '*' && out.at(-1) === '*') continue;
    out.push(kind);
  }
  return out;
}

/** Every unordered pair of classes that meet in one sentence: `I`+`N` declines in whatever words. */
function* classPairs(sentence: string, asked: ReadonlySet<string>): Generator<string> {
  const kinds = [...new Set(skeleton(words(sentence).slice(0, 40), asked))]
    .filter((kind) => /^[A-Z]$/.test(kind))
    .sort();
  yield kinds.join('');
  for (let i = 0; i < kinds.length; i++) {
    yield kinds[i] as string;
    for (let j = i + 1; j < kinds.length; j++) yield `${kinds[i]}${kinds[j]}`;
  }
}

/**
 * `prompt` and `response` are bounded and normalised. `shapeOnly` leaves the words out: training sees each row also that way,
 * so that the skeleton's weights stand on their own where the words are new.
 */
export function refusalRow(prompt: string, response: string, shapeOnly: boolean = false): Row {
  const tokens = words(response).slice(0, 500);
  const asked = new Set(contentStems(prompt));
  const opening = tokens.slice(0, 12);
  const first = tokens.slice(0, 60);
  const last = tokens.slice(Math.max(12, tokens.length - 40));
  const shape = skeleton(tokens.slice(0, 150), asked);
  const shapeOpening = shape.slice(0, 14);
  const list = sentences(response);
  const firstSentence = list[0] ?? '';
  const shared = first.filter((token) => asked.has(stem(token))).length;
  const row = new RowBuilder();
  if (!shapeOnly) {
    row
      .ngrams(1, opening, 1, 4, 1)
      .ngrams(2, first, 1, 2, 0.7)
      .ngrams(3, tokens, 1, 2, 0.7)
      .ngrams(4, last, 1, 2, 0.5)
      .ngrams(7, Array.from(response.slice(0, 80)), 4, 5, 0.6)
      .group(
        8,
        [opening.slice(0, 1), opening.slice(0, 2), opening.slice(0, 3)].map((part) => part.join(' ')),
        0.7,
      )
      .group(9, new Set(contentStems(prompt)), 0.1);
  }
  row
    .ngrams(5, shapeOpening, 1, 5, 1.2)
    .ngrams(6, shape, 2, 4, 1)
    .group(10, classPairs(firstSentence, asked), 1)
    .group(11, classPairs(list[1] ?? '', asked), 0.5)
    .number('bias', 0.5)
    .number('length', Math.log1p(tokens.length) / 6)
    .number('short', tokens.length < 40 ? 0.5 : 0)
    .number('long', tokens.length > 150 ? 0.5 : 0)
    .number('sentences', Math.log1p(list.length) / 4)
    .number('shared', (0.7 * shared) / (first.length + 5));
  for (const [name, pattern] of PHRASES) {
    if (pattern.test(response)) row.number(`any:${name}`, 0.5);
    if (pattern.test(firstSentence)) row.number(`first:${name}`, 0.5);
  }
  return row.build();
}
