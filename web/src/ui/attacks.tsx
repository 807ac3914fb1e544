/** Attacks around a message, with what the target would receive; and what a scripted adversary would say next. */
import { useEffect, useState } from 'react';
import { call, useApi, useChange } from '../api.ts';
import { useMay } from '../me.tsx';
import { personName } from '../person.ts';
import { useQueryState } from '../router.tsx';
import { GoalField } from './campaigns.tsx';
import { Problem, words } from './parts.tsx';
import { Untrusted } from './untrusted.tsx';

const KINDS = [
  ['template', 'Words around it'],
  ['converter', 'Written another way'],
] as const;
/** Attacks of a kind that are listed before one asks for all. */
const FIRST = 8;

export function AttackChoice({
  plain,
  attacks,
  set,
  goal,
  refused,
  use,
  session,
  parent,
}: {
  plain: string;
  attacks: readonly string[];
  set: (attacks: readonly string[]) => void;
  goal: string;
  refused: boolean | null;
  /** `after`: the turn that it follows, where that is another than the last; `strategy`: whose proposal it is. */
  use: (text: string, after?: string | null, strategy?: string) => void;
  session: string;
  parent: string | null;
}) {
  const meta = useApi('GET /api/console');
  const [preview, setPreview] = useState('');
  const [search, setSearch] = useState('');
  /** Kinds of which all are listed. */
  const [open, setOpen] = useState<readonly string[]>([]);
  const move = refused === null ? 'opening' : refused ? 'after-refusal' : 'after-answer';
  // Neither a goal nor a first message says what it is about.
  const aimless = goal === '' && move === 'opening';
  const [suggestions, setSuggestions] = useState<readonly { persona: string; text: string }[] | null>(null);
  useEffect(() => {
    if (attacks.length === 0 || plain === '') {
      setPreview('');
      return;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => {
      call(
        'POST /api/console/preview',
        { body: { plain, attacks: [...attacks], seed: 1 } },
        controller.signal,
      ).then(
        ({ request }) => setPreview(request),
        () => {},
      );
    }, 150);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [plain, attacks]);
  useEffect(() => setSuggestions(null), [move, goal]);
  return (
    <aside className="stack" aria-label="Attacks and moves">
      <section className="card" style={{ margin: 0 }}>
        <h2>Attacks</h2>
        <p className="soft">Applied in the order in which you choose them.</p>
        <input
          type="search"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          placeholder={`search ${meta.data?.attacks.length ?? ''} attacks`}
          aria-label="Search attacks"
        />
        {attacks.length > 0 ? (
          <p className="row" style={{ gap: 6 }}>
            {attacks.map(words).join(', then ')}
            <button type="button" className="plain" onClick={() => set([])}>
              none
            </button>
          </p>
        ) : null}
        {KINDS.map(([kind, title]) => {
          const found = (meta.data?.attacks ?? []).filter(
            (attack) =>
              attack.kind === kind &&
              (attacks.includes(attack.id) ||
                `${words(attack.id)} ${attack.id} ${attack.family} ${attack.description}`
                  .toLowerCase()
                  .includes(search.trim().toLowerCase())),
          );
          const all = search.trim() !== '' || open.includes(kind);
          const listed = found.filter(({ id }, i) => all || i < FIRST || attacks.includes(id));
          return (
            <div key={kind} className="row attacks" role="group" aria-label={title}>
              {found.length > 0 ? <small>{title}</small> : null}
              {listed.map((attack) => {
                const at = attacks.indexOf(attack.id);
                return (
                  <button
                    key={attack.id}
                    type="button"
                    aria-pressed={at >= 0}
                    title={`${attack.description} (${attack.source})`}
                    onClick={() =>
                      set(
                        at >= 0
                          ? attacks.filter((each) => each !== attack.id)
                          : [...attacks, attack.id].slice(-6),
                      )
                    }
                  >
                    {at >= 0 && attacks.length > 1 ? `${at + 1} ` : ''}
                    {words(attack.id)}
                  </button>
                );
              })}
              {found.length > listed.length || open.includes(kind) ? (
                <button
                  type="button"
                  className="plain"
                  onClick={() =>
                    setOpen(open.includes(kind) ? open.filter((each) => each !== kind) : [...open, kind])
                  }
                >
                  {open.includes(kind) ? 'fewer' : `${found.length - listed.length} more`}
                </button>
              ) : null}
            </div>
          );
        })}
        {attacks.length > 0 ? (
          <div className="said">
            <b>the target receives</b>
            {preview === '' ? <small>write a message to see it</small> : <Untrusted text={preview} />}
          </div>
        ) : null}
      </section>
      <section className="card stack" style={{ margin: 0 }}>
        <h2>Next move</h2>
        {aimless ? <Aim session={session} /> : null}
        <Strategies session={session} parent={parent} use={use} aimless={aimless} />
        {suggestions === null ? (
          <button
            type="button"
            disabled={aimless}
            onClick={() =>
              void call('POST /api/console/suggest', { body: { goal, move } }).then(
                ({ suggestions: found }) => setSuggestions(found),
              )
            }
          >
            What would a scripted adversary say?
          </button>
        ) : suggestions.length === 0 ? (
          <small>nothing</small>
        ) : (
          <div className="sessions">
            {suggestions.map(({ persona, text }) => (
              <button
                key={persona + text}
                type="button"
                title={words(persona)}
                style={{ whiteSpace: 'normal' }}
                onClick={() => use(text)}
              >
                {text}
              </button>
            ))}
          </div>
        )}
      </section>
    </aside>
  );
}

/** What a session is for, where it began without: proposals are made of it. */
function Aim({ session }: { session: string }) {
  const { data } = useApi('GET /api/console/sessions/:id', { params: { id: session } });
  const save = useChange('PUT /api/console/sessions/:id');
  const may = useMay('red-teamer');
  const [goal, setGoal] = useState('');
  return (
    <form
      className="stack"
      aria-label="Goal"
      onSubmit={(event) => {
        event.preventDefault();
        if (data)
          save.mutate({
            params: { id: session },
            body: { ...data.session.record, goal: goal.trim(), author: personName() },
          });
      }}
    >
      <GoalField goal={goal} set={setGoal} example="praise a crash diet" />
      <div className="row">
        <button type="submit" disabled={!may || !data || goal.trim() === '' || save.isPending}>
          Set the goal
        </button>
        <small>or write a first message yourself</small>
      </div>
      {save.isError ? <Problem error={save.error} /> : null}
    </form>
  );
}

/** A strategy as a helper: what it would send after the turns that were had. */
function Strategies({
  session,
  parent,
  use,
  aimless,
}: {
  aimless: boolean;
  session: string;
  parent: string | null;
  use: (text: string, after?: string | null, strategy?: string) => void;
}) {
  const meta = useApi('GET /api/console');
  const propose = useChange('POST /api/console/sessions/:id/propose');
  const [query] = useQueryState();
  const all = meta.data?.strategies ?? [];
  const [own, setStrategy] = useState<string | null>(null);
  /** The turn that the last proposal was asked for. */
  const [asked, setAsked] = useState<string | null>(null);
  const strategy = own ?? all.find(({ id }) => id === query['technique'])?.id ?? 'crescendo';
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        setAsked(parent);
        propose.mutate(
          { params: { id: session }, body: { strategy, parent } },
          { onSuccess: ({ request, after }) => use(request, after, strategy) },
        );
      }}
    >
      <label className="field">
        by a strategy
        <select value={strategy} onChange={(event) => setStrategy(event.target.value)}>
          {all.map(({ id }) => (
            <option key={id} value={id}>
              {words(id)}
            </option>
          ))}
        </select>
      </label>
      <small>{all.find(({ id }) => id === strategy)?.description}</small>
      <div className="row">
        <button type="submit" disabled={aimless || propose.isPending}>
          Propose the next message
        </button>
      </div>
      {propose.data && asked === parent && propose.data.after !== parent ? (
        <small>It takes the refused message back: a branch from the turn before.</small>
      ) : null}
      {propose.isError ? <Problem error={propose.error} /> : null}
    </form>
  );
}
