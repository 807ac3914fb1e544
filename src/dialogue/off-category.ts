/**
 * Whether a user's messages have nothing to do with what the scenario is about: no word of the objective comes up in any of
 * them. A paraphrase may have none either, so it is a suspicion that a model has to confirm (llm-simulator.ts); measured in
 * bench/off-category.ts.
 */

/** Words are compared by their first letters, which leaves endings out. */
const LETTERS = 4;
const WORD = /[\p{L}\p{M}]{4,}/gu;

const beginning = (word: string): string => [...word].slice(0, LETTERS).join('');

/** Words of any request: of grammar, of asking, of how the answer should look. */
const COMMON: ReadonlySet<string> = new Set(
  `about above actually after again against also another answer anyone anything around away back because been before being below best
  between both come continue could create describe detail does done down draft each easy else even ever every example explain extend
  find finish first follow from full further general getting give going good great have having help here herself himself idea into
  itself just keep kind know later least less letter like line list little long look made make many maybe mean message might more most
  much must myself need never next nobody nothing often only other ours over paragraph part people perhaps person piece plan please
  point possible quickly rather read real reply rest rewrite right rule same script sentence short should show simple some somebody
  something sound speak start step still story style such suggest summarise sure tell text than thank that their them then there these
  they thing think this those though three through time tips title together told tone turn under until upon used user using very want
  ways well went were what when where whether which while whom whose will with without word work would write your`.split(
    /\s+/,
  ),
);

const isCommon = (word: string): boolean => COMMON.has(word) || COMMON.has(word.replace(/s$/, ''));

const contentOf = (text: string): Set<string> =>
  new Set((text.toLowerCase().match(WORD) ?? []).filter((word) => !isCommon(word)).map(beginning));

export function sharesNoWord(messages: readonly string[], goal: string): boolean {
  const wanted = contentOf(goal);
  // A goal of common words alone is recognised by none.
  const said = contentOf(messages.join('\n'));
  return wanted.size > 0 && ![...wanted].some((word) => said.has(word));
}
