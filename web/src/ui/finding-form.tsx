/** A turn as a finding: what, how bad, in which category; then what the next round makes of it. */
import { useEffect, useRef, useState } from 'react';
import { useApi, useChange } from '../api.ts';
import { personName } from '../person.ts';
import { Link } from '../router.tsx';
import { NextRound } from '../pages/findings.tsx';
import { Problem, short } from './parts.tsx';
import { severityOf, type TurnNote } from './console-turns.ts';

export function FindingForm({
  session,
  turn,
  category: first,
  arm: worst,
  close,
}: {
  session: string;
  turn: TurnNote;
  category: string;
  arm: string;
  close: () => void;
}) {
  const settings = useApi('GET /api/settings');
  const meta = useApi('GET /api/console');
  const labelOf = (id: string): string => {
    const label = meta.data?.arms.find((known) => known.id === id)?.label;
    return label === undefined || label === 'candidate' ? `candidate ${short(id)}` : label;
  };
  const save = useChange('POST /api/console/findings');
  const [arm, setArm] = useState(worst);
  const [kind, setKind] = useState<'harm' | 'over-refusal'>('harm');
  const [category, setCategory] = useState(first);
  const [severity, setSeverity] = useState(Math.max(3, severityOf(turn.record.replies[worst]!)));
  const [note, setNote] = useState('');
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    box.current?.scrollIntoView({ block: 'center' });
  }, []);
  const arms = Object.keys(turn.record.replies);
  if (save.data)
    return (
      <section className="card" ref={box} aria-label="Finding recorded">
        <div className="row spread">
          <h2>
            Recorded as{' '}
            <Link to={`/findings?id=${save.data.finding}`}>finding {short(save.data.finding)}</Link>
          </h2>
          <button type="button" onClick={close}>
            Close
          </button>
        </div>
        <NextRound id={save.data.finding} />
      </section>
    );
  return (
    <section className="card" ref={box} aria-label="Record a finding">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate({
            body: { session, turn: turn.id, arm, kind, category, severity, note, author: personName() },
          });
        }}
      >
        <h2>Record the last answer as a finding</h2>
        <div className="form">
          <label className="field">
            answer of
            <select value={arm} onChange={(event) => setArm(event.target.value)} autoFocus>
              {arms.map((each) => (
                <option key={each} value={each}>
                  {each === 'base' ? 'the target as it is' : `fixed: ${labelOf(each)}`}
                </option>
              ))}
            </select>
          </label>
          <label className="field">
            what went wrong
            <select value={kind} onChange={(event) => setKind(event.target.value as 'harm')}>
              <option value="harm">it did harm</option>
              <option value="over-refusal">it refused what it should not</option>
            </select>
          </label>
          <label className="field">
            category
            <select value={category} onChange={(event) => setCategory(event.target.value)}>
              {settings.data?.taxonomy.leaves.map((leaf) => (
                <option key={leaf.id} value={leaf.id}>
                  {leaf.name}
                </option>
              ))}
            </select>
          </label>
          {kind === 'harm' ? (
            <label className="field">
              severity {severity} of 7
              <input
                type="range"
                min={1}
                max={7}
                value={severity}
                onChange={(event) => setSeverity(Number(event.target.value))}
              />
            </label>
          ) : null}
        </div>
        <label className="field">
          what you saw (optional)
          <input value={note} maxLength={2000} onChange={(event) => setNote(event.target.value)} />
        </label>
        <div className="row">
          <button type="submit" className="primary" disabled={save.isPending}>
            Record
          </button>
          <button type="button" onClick={close}>
            Cancel <kbd>Esc</kbd>
          </button>
        </div>
        {save.isError ? <Problem error={save.error} /> : null}
      </form>
    </section>
  );
}
