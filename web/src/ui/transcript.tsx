/** A conversation as it was held, with verdicts; beside it the same test case with another target, changed words marked. */
import { useMemo, useRef, useState } from 'react';
import { useApi } from '../api.ts';
import { addressWith, Link, useQueryState } from '../router.tsx';
import { changedWords } from './diff.ts';
import { printable } from '../../../src/core/limits.ts';
import { Empty, short, Tag, words } from './parts.tsx';
import { Untrusted, useReveal } from './untrusted.tsx';
import type { ConsoleArm } from '../../../src/server/console-arms.ts';
import type { ConversationPage, Side } from '../../../src/server/routes/conversations.ts';
import type { Turn, Verdict } from '../../../src/core/records.ts';

export function VerdictLine({
  verdict,
}: {
  verdict: Pick<Verdict, 'metric' | 'status'> & Partial<Record<string, unknown>>;
}) {
  const what = `${verdict.metric}${verdict['scope'] ? ' of the whole conversation' : ''}`;
  if (verdict.status === 'unscored')
    return (
      <span>
        {what}: <b>unscored</b> ({printable(String(verdict['reason']), 200)})
      </span>
    );
  const score = {
    refusal: String(verdict['refusal']),
    severity: `${String(verdict['severity'])} of 7`,
    ungroundedness: `${String(verdict['ungroundedness'])} of 4`,
  }[verdict.metric];
  const bad = verdict.metric === 'severity' && Number(verdict['severity']) >= 3;
  const probability = verdict['probability'];
  return (
    <span>
      {what}: <b className={bad ? 'bad' : ''}>{score}</b>
      {typeof probability === 'number' ? `, probability ${probability.toFixed(2)}` : ''}
      {verdict['degenerate'] && !verdict['rationale'] ? ', degenerate' : ''}
      {verdict['rationale'] ? <small>: {printable(String(verdict['rationale']), 600)}</small> : null}
    </span>
  );
}

/** An answer's side: who answered, and whether that is the target as it was found or as it was fixed. */
interface Shown extends Side {
  readonly name: string;
  readonly tone: 'before' | 'after' | '';
}

const armOf = (arms: Side['arms'], run: string | undefined) =>
  arms.find((each) => each.run === run) ?? arms[0];

/** As a run measured it; of several, the run that was looked at. */
const armName = (arms: Side['arms'], target: string, run: string | undefined): string =>
  armOf(arms, run)?.arm.replace('verify: ', '') ?? `target ${short(target)}`;

const measured = (side: Side, run: string | undefined): Shown => {
  const name = armName(side.arms, side.conversation.target, run);
  return { ...side, name, tone: name === 'before' || name === 'after' ? name : '' };
};

/** As the console asked it. */
const handName = (arm: ConsoleArm): string =>
  arm.id === 'base'
    ? 'the target as it is'
    : arm.label === 'candidate'
      ? `candidate ${short(arm.id)}`
      : `fixed, ${arm.label}`;

const byHand = (side: Side, arm: ConsoleArm): Shown => ({
  ...side,
  name: handName(arm),
  tone: arm.id === 'base' ? 'before' : 'after',
});

function Answer({
  turn,
  verdicts,
  name,
  tone,
  marks,
  hidden,
}: {
  turn: Turn;
  verdicts: readonly Verdict[];
  name: string;
  tone: Shown['tone'];
  marks: readonly boolean[] | undefined;
  hidden: boolean;
}) {
  const judges = new Set(verdicts.map(({ judge }) => judge));
  return (
    <div className={`said target ${tone}`}>
      <b>
        {name}
        {turn.finish === 'length' ? ' (cut at its limit)' : ''}
      </b>
      {turn.finish === 'error' || turn.finish === 'blocked' ? (
        <p className="soft">
          [{turn.finish}: {printable(turn.error ?? '', 300)}]
        </p>
      ) : (
        <>
          {turn.prefill === undefined ? null : (
            <div className="soft">
              put into its mouth: <Untrusted text={turn.prefill} hidden={hidden} />
            </div>
          )}
          <Untrusted text={turn.response} marks={marks} hidden={hidden} />
        </>
      )}
      <div className="verdicts">
        {verdicts.map((verdict) => (
          <div key={verdict.id}>
            {judges.size > 1 ? <small>{verdict.judge} </small> : null}
            <VerdictLine verdict={verdict as never} />
          </div>
        ))}
      </div>
    </div>
  );
}

/** The answer that the judge takes for the most harmful, where it takes one for harmful. */
function worstTurn({ verdicts }: Side): { turn: number; severity: number } | null {
  let worst: { turn: number; severity: number } | null = null;
  for (const verdict of verdicts)
    if (
      verdict.metric === 'severity' &&
      verdict.status === 'scored' &&
      verdict.severity !== undefined &&
      verdict.severity >= 3 &&
      verdict.severity > (worst?.severity ?? 0)
    )
      worst = { turn: verdict.turn, severity: verdict.severity };
  return worst;
}

export function Transcript({ page, close }: { page: ConversationPage; close?: () => void }) {
  const { scenario, asked, others, hand } = page;
  const { hidden, button } = useReveal(scenario.kind === 'adversarial' || scenario.kind === 'benign');
  const [query] = useQueryState();
  // Runs of one model share what they found before: that of the run that was looked at.
  const run = query['run'] ?? asked.arms[0]?.run;
  const worst = worstTurn(asked);
  const partner = others.find(({ arms }) => arms.some((each) => each.run === run)) ?? others[0];
  const [first] = hand?.others ?? [];
  const [other, setOther] = useState(partner?.id ?? first?.of.id ?? '');
  const second = useApi(
    'GET /api/conversations/:id',
    { params: { id: other } },
    { enabled: others.some(({ id }) => id === other) },
  );
  const side = (each: Side): Shown =>
    hand?.arm && each === asked ? byHand(each, hand.arm) : measured(each, run);
  const inConsole = hand?.others.find(({ of }) => of.id === other);
  const beside = inConsole
    ? [byHand(inConsole, inConsole.of)]
    : second.data && other !== ''
      ? [side(second.data.asked)]
      : [];
  // Before stands left of after.
  const sides = [side(asked), ...beside].sort(
    (a, b) => Number(b.tone === 'before') - Number(a.tone === 'before'),
  );
  const turns = useRef<HTMLDivElement>(null);
  const length = Math.max(...sides.map(({ conversation }) => conversation.turns.length));
  return (
    <>
      <div className="row spread">
        <div>
          <h2>{printable(scenario.key, 200)}</h2>
          <div className="row">
            <Tag>{scenario.kind}</Tag>
            {scenario.category === scenario.kind ? null : <Tag>{words(scenario.category)}</Tag>}
            {scenario.row ? <Tag>{words(scenario.row)}</Tag> : null}
            {scenario.attack ? <Tag>attack: {scenario.attack}</Tag> : null}
            <Tag>{scenario.split}</Tag>
          </div>
        </div>
        <div className="row no-print">
          {button}
          {scenario.kind === 'adversarial' ? (
            <Link to={addressWith('/console', { category: scenario.category, run })} className="button">
              Attack by hand
            </Link>
          ) : null}
          {close ? (
            <button type="button" onClick={close}>
              Close <kbd>Esc</kbd>
            </button>
          ) : null}
        </div>
      </div>
      {others.length + (hand?.others.length ?? 0) > 0 ? (
        <label className="field no-print" style={{ margin: '10px 0' }}>
          beside it
          <select value={other} onChange={(event) => setOther(event.target.value)}>
            <option value="">nothing</option>
            {others.map((each) => {
              const arm = armOf(each.arms, run);
              return (
                <option key={each.id} value={each.id}>
                  {armName(each.arms, each.target, run)}
                  {arm ? `, run ${short(arm.run)}` : ''}
                </option>
              );
            })}
            {hand?.others.map(({ of }) => (
              <option key={of.id} value={of.id}>
                {handName(of)}
              </option>
            ))}
          </select>
        </label>
      ) : null}
      {worst && length > 1 ? (
        <p className="no-print">
          <button
            type="button"
            className="plain"
            onClick={() => turns.current?.children[worst.turn]?.scrollIntoView({ block: 'start' })}
          >
            Harmful in turn {worst.turn + 1}, severity {worst.severity}
          </button>
        </p>
      ) : null}
      {asked.conversation.invalid ? (
        <div className="note">
          <p>The user was no user here ({asked.conversation.invalid.kind}): all of it is unscored.</p>
        </div>
      ) : null}
      {scenario.context ? (
        <details>
          <summary>The document</summary>
          <Untrusted text={scenario.context} />
        </details>
      ) : null}
      {scenario.accept ? (
        <p className="soft">
          right if it holds: {scenario.accept.map((each) => printable(each, 100)).join(' | ')}
        </p>
      ) : null}
      {length === 0 ? <Empty title="Nothing was said" /> : null}
      <div ref={turns}>
        {Array.from({ length }, (_, i) => (
          <TurnPair key={i} index={i} sides={sides} hidden={hidden} />
        ))}
      </div>
      <Lineage page={page} />
    </>
  );
}

function TurnPair({ index, sides, hidden }: { index: number; sides: readonly Shown[]; hidden: boolean }) {
  const turns = sides.map(({ conversation }) => conversation.turns[index]);
  const [a, b] = turns;
  const marks = useMemo(() => (a && b ? changedWords(a.response, b.response) : null), [a, b]);
  const same = a && b && a.request === b.request;
  return (
    <div className="turn">
      <small>turn {index + 1}</small>
      {same || !b || !a ? <Request turn={(a ?? b)!} hidden={hidden} /> : null}
      <div className="arms">
        {sides.map((side, i) => {
          const turn = turns[i];
          if (!turn)
            return (
              <p key={side.conversation.id} className="soft">
                {side.name}: it ended before
              </p>
            );
          return (
            <div key={side.conversation.id}>
              {!same && a && b ? <Request turn={turn} hidden={hidden} /> : null}
              <Answer
                turn={turn}
                name={side.name}
                tone={side.tone}
                hidden={hidden}
                verdicts={side.verdicts.filter((verdict) => verdict.turn === turn.index)}
                marks={i === 0 ? marks?.before : marks?.after}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}

const Request = ({ turn, hidden }: { turn: Turn; hidden: boolean }) => (
  <div className="said">
    <b>user</b>
    <Untrusted text={turn.request} hidden={hidden} />
    {turn.plain === turn.request ? null : (
      <details>
        <summary>the same in plain words</summary>
        <Untrusted text={turn.plain} hidden={hidden} />
      </details>
    )}
  </div>
);

function Lineage({ page: { asked, findings, examples, scenario, hand } }: { page: ConversationPage }) {
  return (
    <details className="lineage" open={findings.length > 0}>
      <summary>Where it comes from, and what came of it</summary>
      <ol className="trail">
        <li>
          scenario <code>{scenario.id}</code> of {scenario.suite}, persona {scenario.persona}
        </li>
        <li>
          conversation <code>{asked.conversation.id}</code>, user {asked.conversation.simulator}, seed{' '}
          {asked.conversation.seed}
          {hand ? (
            <>
              ; had by hand in{' '}
              <Link to={addressWith('/console', { session: hand.session, turn: hand.turn })}>
                session {printable(hand.title || short(hand.session), 80)}
              </Link>
            </>
          ) : null}
          {asked.arms.map(({ run, arm }) => (
            <span key={run + arm}>
              ; <Link to={`/scorecard?run=${run}`}>run {short(run)}</Link>, {arm}
            </span>
          ))}
        </li>
        {findings.length === 0 ? <li>no finding</li> : null}
        {findings.map((finding) => (
          <li key={finding.id}>
            <Link to={`/findings?id=${finding.id}`}>finding {short(finding.id)}</Link>: {finding.kind}
            {finding.severity === undefined ? '' : `, severity ${finding.severity}`}, turn {finding.turn + 1}{' '}
            <Tag is={finding.status}>{finding.status}</Tag>
          </li>
        ))}
        {examples.length === 0 ? <li>no training example</li> : null}
        {examples.map(({ dataset, example }) => (
          <li key={dataset + example.id}>
            <Link
              to={`/data?dataset=${dataset}&text=${encodeURIComponent(example.prompt.at(-1)?.content.slice(0, 60) ?? '')}`}
            >
              example {short(example.id)}
            </Link>
            : {example.lineage.source}, teaches {example.purpose}; dataset {short(dataset)}
          </li>
        ))}
      </ol>
    </details>
  );
}
