/** One session of the console: the turns of a branch, answers as they come, and what is sent next. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { events, useApi, type ApiProblem, ApiError } from '../api.ts';
import { useKeys } from '../keys.ts';
import { useLive } from '../live.ts';
import { useMay } from '../me.tsx';
import { personName } from '../person.ts';
import { useQueryState } from '../router.tsx';
import { AttackChoice } from './attacks.tsx';
import { changedWords } from './diff.ts';
import { severityOf, type TurnNote, worstArm } from './console-turns.ts';
import { FindingForm } from './finding-form.tsx';
import { Loading, Problem, words } from './parts.tsx';
import { VerdictLine } from './transcript.tsx';
import { Untrusted, useReveal } from './untrusted.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { ConsoleReply } from '../../../src/server/by-hand.ts';
import type { AskEvent } from '../../../src/server/routes/sessions.ts';

/** An answer that is coming. */
interface Coming {
  readonly plain: string;
  readonly arms: Readonly<Record<string, { text: string; wait: number; reply?: ConsoleReply }>>;
}

const armLabel = (arm: string): string => (arm === 'base' ? 'as it is' : 'fixed');

function Reply({
  arm,
  reply,
  text,
  marks,
}: {
  arm: string;
  reply?: ConsoleReply | undefined;
  text: string;
  marks?: readonly boolean[] | undefined;
}) {
  // Who attacks by hand asked for it; what the judge takes for harmful is blurred all the same.
  const { hidden, button } = useReveal(reply !== undefined && severityOf(reply) >= 3);
  return (
    <div className={`said target ${arm === 'base' ? 'before' : 'after'}`}>
      <b title={arm}>
        {armLabel(arm)} {reply ? null : <small>answers …</small>}
        {reply?.finish === 'length' ? '(cut at its limit)' : ''}
      </b>
      <Untrusted text={text} marks={marks} hidden={hidden} />
      {reply ? (
        <div className="verdicts">
          {reply.verdicts.map(({ metric, judgement }) => (
            <div key={metric}>
              <VerdictLine verdict={{ metric, ...judgement }} />
            </div>
          ))}
          {reply.error ? <span className="bad">{printable(reply.error, 300)}</span> : null}
          {button}
        </div>
      ) : null}
    </div>
  );
}

function Turn({
  turn,
  siblings,
  choose,
  edit,
  last,
}: {
  turn: TurnNote;
  siblings: readonly TurnNote[];
  choose: (id: string) => void;
  edit: () => void;
  last: boolean;
}) {
  const { record } = turn;
  const arms = Object.entries(record.replies);
  const [a, b] = arms;
  const marks = useMemo(() => (a && b ? changedWords(a[1].text, b[1].text) : null), [a, b]);
  const at = siblings.findIndex(({ id }) => id === turn.id);
  return (
    <article className="turn" aria-label={last ? 'Last turn' : 'Turn'}>
      <div className="row spread">
        <small>
          {printable(turn.author, 40)}
          {record.strategy ? `, by ${printable(words(record.strategy), 40)}` : ''}
          {record.attacks.length > 0 ? `, ${printable(record.attacks.map(words).join(' then '), 400)}` : ''}
        </small>
        <div className="row">
          {siblings.length > 1 ? (
            <span className="branches">
              <button
                type="button"
                aria-label="Branch before"
                disabled={at === 0}
                onClick={() => choose(siblings[at - 1]!.id)}
              >
                ‹
              </button>
              {at + 1} of {siblings.length}
              <button
                type="button"
                aria-label="Next branch"
                disabled={at === siblings.length - 1}
                onClick={() => choose(siblings[at + 1]!.id)}
              >
                ›
              </button>
            </span>
          ) : null}
          <button type="button" className="plain" onClick={edit}>
            edit and send again
          </button>
          {last ? null : (
            <button type="button" className="plain" onClick={() => choose(`=${turn.id}`)}>
              go on from here
            </button>
          )}
        </div>
      </div>
      <div className="said">
        <b>you</b>
        <Untrusted text={record.request} />
        {record.plain === record.request ? null : (
          <details>
            <summary>in plain words</summary>
            <Untrusted text={record.plain} />
          </details>
        )}
      </div>
      <div className="arms">
        {arms.map(([arm, reply], i) => (
          <Reply
            key={arm}
            arm={arm}
            reply={reply}
            text={reply.text}
            marks={i === 0 ? marks?.before : i === 1 ? marks?.after : undefined}
          />
        ))}
      </div>
    </article>
  );
}

/** A model that has said nothing yet: for how long. */
function Waiting({ first }: { first: boolean }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((before) => before + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <p className="soft">
        waiting for the model{seconds > 0 ? `, ${seconds} s` : ''}
        {first ? '; the first answer opens it' : ''}
      </p>
      <Loading lines={2} what="waiting for the model" />
    </>
  );
}

/** The turns from the beginning to one. */
function branch(turns: readonly TurnNote[], id: string | null): TurnNote[] {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  const path: TurnNote[] = [];
  for (
    let turn = id === null ? undefined : byId.get(id);
    turn;
    turn = turn.record.parent === null ? undefined : byId.get(turn.record.parent)
  )
    path.unshift(turn);
  return path;
}

/** The newest turn below one. */
function tip(turns: readonly TurnNote[], from: string): string {
  const next = turns.findLast(({ record }) => record.parent === from);
  return next ? tip(turns, next.id) : from;
}

export function ChatView({ id }: { id: string }) {
  const client = useQueryClient();
  const [query, change] = useQueryState();
  const session = useApi('GET /api/console/sessions/:id', { params: { id } });
  const meta = useApi('GET /api/console');
  const { working } = useLive();
  const may = useMay('red-teamer');
  const [plain, setPlain] = useState('');
  const [parent, setParent] = useState<string | null | undefined>(undefined);
  const [own, setAttacks] = useState<readonly string[] | null>(null);
  /** The strategy that proposed what is in the field. */
  const [strategy, setStrategy] = useState<string | undefined>(undefined);
  const [arms, setArms] = useState<readonly string[] | null>(null);
  const [maxTokens, setMaxTokens] = useState(128);
  const [coming, setComing] = useState<Coming | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [form, setForm] = useState(false);
  /** Whether keys go into the field. */
  const [writing, setWriting] = useState(false);
  const stop = useRef<AbortController | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const end = useRef<HTMLDivElement>(null);
  // What the map of coverage was left by.
  const asked = meta.data?.attacks.find((attack) => attack.id === query['technique'])?.id;
  const attacks = own ?? (asked === undefined ? [] : [asked]);
  const turns = session.data?.turns ?? [];
  const newest = turns.at(-1)?.id ?? null;
  const leaf = query['turn'] ?? newest;
  const path = branch(turns, leaf);
  const last = path.at(-1);
  const all = meta.data?.arms ?? [];
  // The target as it is beside the fix of the run that one came from; else the newest.
  const fixed = all.find(({ runs }) => runs.includes(query['run'] ?? '')) ?? all[1];
  const chosen = arms ?? [all[0], fixed].flatMap((arm) => (arm ? [arm.id] : []));
  useEffect(() => () => stop.current?.abort(), []);
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'nearest' });
  }, [leaf, coming]);

  const choose = (next: string): void => {
    // `=ID`: that turn itself is the end; else the newest below it.
    change({ turn: next.startsWith('=') ? next.slice(1) : tip(turns, next) });
    setParent(undefined);
  };
  const send = async (): Promise<void> => {
    if (!may || plain.trim() === '' || coming || chosen.length === 0) return;
    const controller = new AbortController();
    stop.current = controller;
    setProblem(null);
    setForm(false);
    let done = false;
    let state: Coming = {
      plain,
      arms: Object.fromEntries(chosen.map((arm) => [arm, { text: '', wait: 0 }])),
    };
    setComing(state);
    setPlain('');
    const update = (arm: string, part: Partial<Coming['arms'][string]>): void => {
      state = { ...state, arms: { ...state.arms, [arm]: { ...state.arms[arm]!, ...part } } };
      setComing(state);
    };
    try {
      const body = {
        parent: parent === undefined ? (last?.id ?? null) : parent,
        plain,
        attacks,
        ...(strategy === undefined ? {} : { strategy }),
        arms: chosen,
        maxTokens,
        author: personName(),
      };
      for await (const event of events<AskEvent>(
        `/api/console/sessions/${id}/ask`,
        body,
        controller.signal,
      )) {
        if (event.type === 'wait') update(event.arm, { wait: event.before });
        else if (event.type === 'text') update(event.arm, { text: event.text, wait: 0 });
        else if (event.type === 'reply') update(event.arm, { text: event.reply.text, reply: event.reply });
        else if (event.type === 'error') setProblem(event.error);
        else {
          await client.invalidateQueries({ queryKey: ['GET /api/console/sessions/:id'] });
          done = true;
          change({ turn: event.turn.id });
          setStrategy(undefined);
          setParent(undefined);
          void client.invalidateQueries();
        }
      }
    } catch (error) {
      if (!controller.signal.aborted)
        setProblem(
          error instanceof ApiError
            ? { code: error.code, message: error.message, ...(error.hint ? { hint: error.hint } : {}) }
            : { code: 'internal', message: String(error) },
        );
    } finally {
      setComing(null);
      // What was not answered is still there to be sent; not over what was written meanwhile.
      if (!done) setPlain((written) => (written === '' ? plain : written));
      stop.current = null;
      field.current?.focus();
    }
  };
  useKeys(
    {
      'ctrl+Enter': () => void send(),
      x: () => last && setForm(true),
      Escape: () => {
        setForm(false);
        if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      },
      '/': () => field.current?.focus(),
    },
    ['ctrl+Enter', 'Escape'],
  );
  if (session.isError) return <Problem error={session.error} />;
  if (!session.data || !meta.data) return <Loading lines={8} />;
  const { record } = session.data.session;
  const siblingsOf = (turn: TurnNote): TurnNote[] =>
    turns.filter((each) => each.record.parent === turn.record.parent);
  const before = parent === undefined ? path : branch(turns, parent);
  const choice = (arm: (typeof all)[number]) => (
    <label key={arm.id} className="check" style={{ display: 'flex' }} title={arm.id}>
      <input
        type="checkbox"
        checked={chosen.includes(arm.id)}
        disabled={!chosen.includes(arm.id) && chosen.length >= 4}
        onChange={() =>
          setArms(chosen.includes(arm.id) ? chosen.filter((each) => each !== arm.id) : [...chosen, arm.id])
        }
      />
      <span>
        {arm.id === 'base' ? 'the target as it is' : `fixed: ${arm.label}`}
        {arm.label === 'candidate' ? (
          <small>
            {' '}
            {arm.id.slice(0, 6)}…{arm.id.slice(-8)}
          </small>
        ) : null}
      </span>
    </label>
  );
  return (
    <div className="chat">
      <aside className="stack" aria-label="The session">
        <section className="card" style={{ margin: 0 }}>
          <h2>{printable(record.title, 200)}</h2>
          <p className="soft">
            {words(record.category)}
            {record.goal && record.goal !== record.title ? `: ${printable(record.goal, 400)}` : ''}
          </p>
          {record.system ? <p className="soft">system: {printable(record.system, 300)}</p> : null}
          <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
            <legend className="soft">ask</legend>
            {all.filter(({ label }) => label !== 'candidate').map(choice)}
            {all.some(({ label }) => label === 'candidate') ? (
              <details>
                <summary>candidates that were not chosen</summary>
                {all.filter(({ label }) => label === 'candidate').map(choice)}
              </details>
            ) : null}
          </fieldset>
          <label className="field" style={{ marginTop: 8 }}>
            tokens at most
            <input
              type="number"
              min={1}
              max={1024}
              value={maxTokens}
              onChange={(event) => setMaxTokens(Math.min(1024, Math.max(1, Number(event.target.value) || 1)))}
            />
          </label>
          <p className="soft">judge: {meta.data.judge}</p>
        </section>
        {working ? (
          <div className="note">
            <p>A run is at work on this machine: answers come slowly.</p>
          </div>
        ) : null}
      </aside>
      <div>
        {path.length === 0 && !coming ? (
          <p className="soft">
            Write the first message below. Nothing leaves this machine but to models that the configuration
            names.
          </p>
        ) : null}
        {before.map((turn) => (
          <Turn
            key={turn.id}
            turn={turn}
            siblings={siblingsOf(turn)}
            choose={choose}
            last={turn.id === last?.id}
            edit={() => {
              setPlain(turn.record.plain);
              setAttacks(turn.record.attacks);
              setStrategy(turn.record.strategy);
              setParent(turn.record.parent);
              field.current?.focus();
            }}
          />
        ))}
        {parent !== undefined ? (
          <div className="note">
            <p>
              {parent === null ? 'A new beginning' : 'A new branch from the turn above'}: what was said after
              it stays on its own branch.{' '}
              <button type="button" className="plain" onClick={() => setParent(undefined)}>
                back
              </button>
            </p>
          </div>
        ) : null}
        {coming ? (
          <div className="turn" aria-busy="true">
            <div className="said">
              <b>you</b>
              <Untrusted text={coming.plain} />
            </div>
            <div className="arms">
              {Object.entries(coming.arms).map(([arm, { text, wait, reply }]) => (
                <div key={arm}>
                  {wait > 0 ? <small>{wait} before this one</small> : null}
                  {text === '' && !reply ? (
                    <>
                      <b className="soft">{armLabel(arm)}</b>
                      <Waiting first={turns.length === 0} />
                    </>
                  ) : (
                    <Reply arm={arm} reply={reply} text={text} />
                  )}
                </div>
              ))}
            </div>
          </div>
        ) : null}
        <div ref={end} />
        {form && last ? (
          <FindingForm
            session={id}
            turn={last}
            category={record.category}
            arm={worstArm(last)}
            close={() => setForm(false)}
          />
        ) : null}
        {problem ? <Problem error={new ApiError(problem, 500)} /> : null}
        <form
          className="composer"
          onSubmit={(event) => {
            event.preventDefault();
            void send();
          }}
        >
          <textarea
            ref={field}
            rows={3}
            value={plain}
            maxLength={20000}
            onChange={(event) => setPlain(event.target.value)}
            placeholder="what you say to the model, in plain words"
            aria-label="Message"
            onFocus={() => setWriting(true)}
            onBlur={() => setWriting(false)}
          />
          <div className="row">
            {coming ? (
              <button type="button" className="danger" onClick={() => stop.current?.abort()}>
                Stop
              </button>
            ) : (
              <button
                type="submit"
                className="primary"
                disabled={!may || plain.trim() === '' || chosen.length === 0}
              >
                Send <kbd>Ctrl Enter</kbd>
              </button>
            )}
            {last && !coming && may ? (
              <button type="button" onClick={() => setForm(true)}>
                Record a finding {writing ? <kbd>Esc</kbd> : null} <kbd>x</kbd>
              </button>
            ) : null}
            {strategy ? (
              <small>
                as {words(strategy)} proposes{' '}
                <button type="button" className="plain" onClick={() => setStrategy(undefined)}>
                  my own words
                </button>
              </small>
            ) : null}
            {attacks.length > 0 ? <small>through {attacks.map(words).join(', then ')}</small> : null}
          </div>
        </form>
      </div>
      <AttackChoice
        plain={plain}
        attacks={attacks}
        set={setAttacks}
        goal={record.goal}
        refused={
          last
            ? Object.values(last.record.replies).some((reply) =>
                reply.verdicts.some(
                  ({ judgement }) => judgement.status === 'scored' && judgement.refusal === 'full',
                ),
              )
            : null
        }
        session={id}
        parent={parent === undefined ? (last?.id ?? null) : parent}
        use={(text, after, by) => {
          setPlain(text);
          setStrategy(by);
          if (after !== undefined && after !== (last?.id ?? null)) setParent(after);
          field.current?.focus();
        }}
      />
    </div>
  );
}
