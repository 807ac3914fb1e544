/** Compare: any two arms, paired; any number side by side; and models as a family. */
import { ApiError, useApi } from '../api.ts';
import { addressWith, Link, useQueryState } from '../router.tsx';
import { Correction } from '../ui/correction.tsx';
import { Family } from '../ui/family.tsx';
import { Empty, Loaded, Loading, modelName, number, Page, Problem, short } from '../ui/parts.tsx';
import { SideBySide, split } from '../ui/side-by-side.tsx';
import { type CasesLink, Curve, Groups, Lines, Severity } from './scorecard.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { RunSummary } from '../../../src/server/routes/runs.ts';

interface Choice {
  readonly name: string;
  readonly label: string;
}

const choicesOf = (runs: readonly RunSummary[]): Choice[] =>
  runs
    .filter(({ status }) => status === 'finished')
    .flatMap((run) => [
      { name: `${run.id}:verify: before`, label: `${short(run.id)} before` },
      ...(run.adapter === null ? [] : [{ name: `${run.id}:verify: after`, label: `${short(run.id)} after` }]),
    ]);

/** Short enough for the head of a column: of several suites the first. */
function measuredLabel({
  target,
  suite,
  created,
}: {
  target: string;
  suite: string;
  created: string;
}): string {
  const [first = '', ...more] = suite.split(', ');
  const suites = printable(first, 40) + (more.length > 0 ? ` and ${more.length} more` : '');
  return `${printable(modelName(target), 40)}, ${suites} (${created.slice(0, 10)})`;
}

function Choose({
  label,
  value,
  choices,
  set,
}: {
  label: string;
  value: string;
  choices: readonly Choice[];
  set: (name: string) => void;
}) {
  return (
    <label className="field">
      {label}
      <select value={value} onChange={(event) => set(event.target.value)}>
        {choices.map((choice) => (
          <option key={choice.name} value={choice.name}>
            {choice.label}
          </option>
        ))}
      </select>
    </label>
  );
}

function Pair({
  a,
  b,
  x,
  names,
}: {
  a: string;
  b: string;
  x: number | undefined;
  names: readonly [string, string];
}) {
  const card = useApi('GET /api/compare', { query: { a, b, x } }, { keep: true });
  const link: CasesLink = (arm, filter) =>
    addressWith('/conversations', { ...split(arm === 'before' ? a : b), ...filter });
  if (card.error instanceof ApiError && card.error.code === 'absent')
    return (
      <Empty title="These two cannot be paired">
        <p>{printable(card.error.message.split('\n')[0]!.replace(a, names[0]).replace(b, names[1]), 600)}</p>
        <Link to={addressWith('/compare', { view: 'several', arms: `${a},${b}` })} className="button primary">
          Side by side, each over its own
        </Link>
      </Empty>
    );
  return (
    <Loaded query={card} lines={12}>
      {(data) => (
        <>
          <p className="soft">{number(data.scorecard.counts.paired)} scenarios in common.</p>
          {data.notes.map((note) => (
            <p key={note} className="soft">
              {printable(note, 600)}
            </p>
          ))}
          <Lines card={data} link={link} names={names} />
          <Correction card={data.scorecard} link={link} names={names} />
          <Groups groups={data.groups} x={data.scorecard.categorySeverity} link={link} names={names} />
          <section className="card">
            <h2>At every severity</h2>
            <Curve card={data} names={names} x={data.scorecard.categorySeverity} />
          </section>
        </>
      )}
    </Loaded>
  );
}

/** What a list of arms or runs is chosen from, each with a box. */
function Boxes({
  label,
  chosen,
  choices,
  set,
}: {
  label: string;
  chosen: readonly string[];
  choices: readonly Choice[];
  set: (names: readonly string[]) => void;
}) {
  return (
    <fieldset style={{ border: 0, padding: 0 }}>
      <legend className="visually-hidden">{label}</legend>
      <div className="row">
        {choices.map(({ name, label: title }) => (
          <label key={name} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              disabled={!chosen.includes(name) && chosen.length >= MOST}
              onChange={() =>
                set(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name])
              }
            />
            {title}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

const VIEWS = [
  ['two', 'Two, paired'],
  ['several', 'Several'],
  ['family', 'Family'],
] as const;
/** Columns at once, and those that one begins with. */
const MOST = 12;
const FIRST = 4;

export function Compare() {
  const runs = useApi('GET /api/runs');
  const [query, change] = useQueryState();
  const view = VIEWS.find(([name]) => name === query['view'])?.[0] ?? (query['arms'] ? 'several' : 'two');
  // Without one the rows are those of Table 1.
  const x = query['x'] === undefined ? undefined : Math.min(7, Math.max(1, Number(query['x']) || 3));
  const alone = useApi('GET /api/measured');
  const choices = [
    ...choicesOf(runs.data?.runs ?? []),
    ...(alone.data?.measured ?? []).map(({ name, target, suite, created }): Choice => ({
      name,
      label: measuredLabel({ target, suite, created }),
    })),
  ];
  const finished = (runs.data?.runs ?? [])
    .filter(({ status, adapter }) => status === 'finished' && adapter !== null)
    .map(({ id }): Choice => ({ name: id, label: `run ${short(id)}` }));
  const a = query['a'] ?? choices[0]?.name ?? '';
  const b = query['b'] ?? choices[1]?.name ?? choices[0]?.name ?? '';
  const listed = (name: string, all: readonly Choice[]): readonly string[] =>
    query[name]?.split(',').filter(Boolean) ?? all.slice(0, FIRST).map((each) => each.name);
  const list = (name: string) => (names: readonly string[]) => change({ [name]: names.join(',') || ',' });
  const label = (name: string): string =>
    [...choices, ...finished].find((choice) => choice.name === name)?.label ?? name;
  if (runs.isError)
    return (
      <Page title="Compare">
        <Problem error={runs.error} retry={() => void runs.refetch()} />
      </Page>
    );
  if (!runs.data)
    return (
      <Page title="Compare">
        <Loading lines={8} />
      </Page>
    );
  return (
    <Page
      title="Compare"
      lead="What runs, temper eval and temper compare measured in this store: paired, side by side, or as a family."
      actions={
        <div className="row">
          {VIEWS.map(([name, title]) => (
            <button
              key={name}
              type="button"
              aria-pressed={view === name}
              onClick={() => change({ view: name }, true)}
            >
              {title}
            </button>
          ))}
        </div>
      }
    >
      {choices.length === 0 ? (
        <Empty title="No finished run to compare">
          <Link to="/runs?start=yes" className="button primary">
            Start a run
          </Link>
        </Empty>
      ) : (
        <>
          <div className="row end" style={{ marginBottom: 14 }}>
            {view === 'two' ? (
              <>
                <Choose label="first" value={a} choices={choices} set={(name) => change({ a: name })} />
                <Choose label="second" value={b} choices={choices} set={(name) => change({ b: name })} />
              </>
            ) : view === 'several' ? (
              <Boxes
                label="side by side"
                chosen={listed('arms', choices)}
                choices={choices}
                set={list('arms')}
              />
            ) : (
              <Boxes
                label="models of the family"
                chosen={listed('runs', finished)}
                choices={finished}
                set={list('runs')}
              />
            )}
            <div className="row">
              <Severity x={x ?? 3} set={(next) => change({ x: String(next) })} />
              {x === undefined ? (
                view === 'family' ? null : (
                  <small>rows as in Table 1; move it for all of them</small>
                )
              ) : (
                <button type="button" className="plain" onClick={() => change({ x: undefined })}>
                  as in Table 1
                </button>
              )}
            </div>
          </div>
          {(alone.data?.left ?? []).map(({ name, target, suite, created, why }) => (
            <p key={name} className="soft">
              Not to be chosen here: {measuredLabel({ target, suite, created })}: {why}.
            </p>
          ))}
          {view === 'two' ? (
            <Pair a={a} b={b} x={x} names={[label(a), label(b)]} />
          ) : view === 'several' ? (
            <SideBySide arms={listed('arms', choices)} label={label} x={x} />
          ) : (
            <Family runs={listed('runs', finished)} label={label} x={x ?? 3} />
          )}
        </>
      )}
    </Page>
  );
}
