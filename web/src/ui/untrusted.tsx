/** Text that a model or a stranger wrote: text nodes alone, without what steers a terminal or turns a line, blurred if it may be harmful. */
import { type ReactNode, useEffect, useState } from 'react';
import { printable } from '../../../src/core/limits.ts';
import { countOpened, REMIND_EVERY, usePerson } from '../person.ts';

/** Characters shown at once; more on request. */
const FIRST = 6000;
const MOST = 400_000;

export function Untrusted({
  text,
  marks,
  hidden = false,
}: {
  text: string;
  marks?: readonly boolean[] | undefined;
  hidden?: boolean;
}) {
  const [all, setAll] = useState(false);
  const limit = all ? MOST : FIRST;
  const long = text.length > limit;
  // The line that says how much is missing is ours: the text is cut before it is cleaned.
  const shown = printable(long ? text.slice(0, limit) : text, Infinity);
  return (
    <div
      className={`text ${text.length > FIRST ? 'long' : ''} ${hidden ? 'blurred' : ''}`}
      aria-hidden={hidden || undefined}
      dir="auto"
    >
      {marks && !long ? marked(shown, marks) : shown === '' ? <small>(empty)</small> : shown}
      {long && !hidden ? (
        <div>
          <button type="button" className="plain" onClick={() => setAll(true)} disabled={all}>
            {all ? `cut at ${MOST} of ${text.length} characters` : `${text.length - limit} more characters`}
          </button>
        </div>
      ) : null}
    </div>
  );
}

/** Words of a text, each with the space before it. */
export const wordsOf = (text: string): string[] => text.match(/\s*\S+/g) ?? [];

function marked(text: string, marks: readonly boolean[]): ReactNode[] {
  return wordsOf(text).map((word, i) => {
    if (!marks[i]) return word;
    const space = /^\s*/.exec(word)![0];
    return (
      <span key={i}>
        {space}
        <mark>{word.slice(space.length)}</mark>
      </span>
    );
  });
}

/** Whether texts of this kind are hidden, and a button that shows them. `what`: which text it is; null: one of a list, not counted. */
export function useReveal(
  harmful: boolean,
  what: string | null = '',
): { hidden: boolean; button: ReactNode } {
  const { revealAll } = usePerson();
  const [own, setOwn] = useState(false);
  const hidden = harmful && !revealAll && !own;
  const counted = harmful && !hidden && what !== null;
  useEffect(() => {
    if (counted) countOpened();
  }, [counted, what]);
  const button =
    harmful && !revealAll ? (
      <button type="button" aria-pressed={own} onClick={() => setOwn(!own)}>
        {own ? 'Blur' : 'Show texts'}
      </button>
    ) : null;
  return { hidden, button };
}

/** After many harmful texts, a word about it. */
export function Reminder() {
  const { opened } = usePerson();
  const [seen, setSeen] = useState(opened - (opened % REMIND_EVERY));
  if (opened - seen < REMIND_EVERY) return null;
  return (
    <div className="note no-print" role="status">
      <p>
        You have opened {opened} texts that may be harmful in this tab. Reading them wears people out: a break
        helps.
      </p>
      <button type="button" onClick={() => setSeen(opened)}>
        Go on
      </button>
    </div>
  );
}
