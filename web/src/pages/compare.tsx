/** Compare: any two arms, paired; and any number side by side, each by itself. */
import { useState } from 'react';
import { useApi } from '../api.ts';
import { addressWith, Link, useQueryState } from '../router.tsx';
import { Correction, CorrectedFigure } from '../ui/correction.tsx';
import { difference, Figure, pValue } from '../ui/figures.tsx';
import { Empty, Loaded, Loading, number, Page, Problem, short } from '../ui/parts.tsx';
import { type CasesLink, Curve, Groups, Lines, Severity } from './scorecard.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { Line } from '../../../src/report/format.ts';
import { type ComparisonTable, stars, type TableCell } from '../../../src/report/table.ts';
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

/** A table for reports names a line below another in full. */
const keyOf = ({ name, measure }: Pick<Line, 'name' | 'measure'>): string =>
  `${name.replace(/^Over-refusal, (?=with)/, '').trim()} ${measure}`;

const split = (name: string): { run: string; arm: string } => {
  const at = name.indexOf(':');
  return { run: name.slice(0, at), arm: name.slice(at + 1) };
};

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

function Pair({ a, b, x, names }: { a: string; b: string; x: number; names: readonly [string, string] }) {
  const card = useApi('GET /api/compare', { query: { a, b, x } }, { keep: true });
  const link: CasesLink = (arm, filter) =>
    addressWith('/conversations', { ...split(arm === 'before' ? a : b), ...filter });
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
          <Groups groups={data.groups} x={x} link={link} />
          <section className="card">
            <h2>At every severity</h2>
            <Curve card={data} names={names} />
          </section>
        </>
      )}
    </Loaded>
  );
}

/** A difference from the first arm, with its test before and after the correction. */
function Change({ line, cell }: { line: Line; cell: TableCell }) {
  const marks = stars(cell);
  const better = (cell.difference?.value ?? 0) < 0 === line.lower;
  return (
    <span className="interval">
      {marks === '' ? (
        difference(cell.difference, line.unit)
      ) : (
        <b className={better ? 'good' : 'bad'}>
          {difference(cell.difference, line.unit)}
          {marks}
        </b>
      )}
      <br />p {pValue(cell.p)}, Holm {pValue(cell.adjustedP)}
    </span>
  );
}

const tests = ({ rows }: ComparisonTable): number =>
  rows.reduce((sum, { cells }) => sum + cells.filter(({ p }) => p !== null).length, 0);

function Family({ arms, choices, x }: { arms: readonly string[]; choices: readonly Choice[]; x: number }) {
  const family = useApi(
    'GET /api/family',
    { query: { arms: arms.join(','), x } },
    { enabled: arms.length > 0, keep: true },
  );
  if (arms.length === 0) return <Empty title="Choose what stands side by side" />;
  const label = (name: string): string => choices.find((choice) => choice.name === name)?.label ?? name;
  return (
    <Loaded query={family} lines={12}>
      {({ columns, table, alone }) => {
        const known = columns.map(
          ({ card }) => new Map([...card.rows, ...card.rest].map((l) => [keyOf(l), l])),
        );
        const judges = new Set(columns.map(({ card }) => card.scorecard.about.judge));
        // Some have lines that others do not: of rows that their suite has not, of partial refusals.
        const lines = new Map(known.flatMap((of) => [...of]));
        // Of arms that are paired, the lines of their table: the same in all of them.
        const shown = table
          ? table.rows.map((row) => ({ key: keyOf(row), cells: row.cells }))
          : [...lines.keys()].map((key) => ({ key, cells: null }));
        return (
          <section className="card" aria-label="Side by side">
            {table ? (
              <>
                <p className="soft">{number(table.scenarios)} scenarios that all of them have.</p>
                {(table.about.notes ?? []).map((note) => (
                  <p key={note} className="soft">
                    {printable(note, 600)}
                  </p>
                ))}
              </>
            ) : null}
            <div className="scroll" tabIndex={0} role="region" aria-label="Figures side by side">
              <table className="narrow">
                <thead>
                  <tr>
                    <th scope="col">measure</th>
                    {columns.map(({ name }, i) => (
                      <th key={name} scope="col" className="number">
                        <Link to={`/scorecard?run=${split(name).run}`}>{label(name)}</Link>
                        {table && i > 0 ? <small> and from the first</small> : null}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {shown.map(({ key, cells }) => {
                    const line = lines.get(key)!;
                    return (
                      <tr key={key} className={line.name.startsWith('  ') ? 'sub' : ''}>
                        <td>
                          {line.name.trim()} <small>{line.measure}</small>
                        </td>
                        {columns.map(({ name }, i) => (
                          <td key={name} className="number" data-label={label(name)}>
                            <Figure
                              of={cells?.[i]?.estimate ?? known[i]!.get(key)?.comparison.before ?? null}
                              unit={line.unit}
                              to={addressWith('/conversations', { ...split(name), ...line.cases })}
                            />
                            {i > 0 && cells ? <Change line={line} cell={cells[i]!} /> : null}
                          </td>
                        ))}
                      </tr>
                    );
                  })}
                  {columns.some(({ card }) => card.scorecard.corrected) ? (
                    <tr>
                      <td>
                        Harm of single answers <small>DR-3, corrected for the judge's errors</small>
                      </td>
                      {columns.map(({ name, card: { scorecard } }) => (
                        <td key={name} className="number" data-label={label(name)}>
                          {scorecard.corrected ? <CorrectedFigure of={scorecard.corrected.before} /> : '–'}
                        </td>
                      ))}
                    </tr>
                  ) : null}
                </tbody>
              </table>
            </div>
            <p className="soft">
              {table
                ? `Differences are of the pairs scored in both, in points for shares; p as it is, then after Holm's correction over all ${tests(table)} tests of this table. * ** ***: below .05, .01, .001 after it. `
                : alone === null
                  ? ''
                  : 'Each column by itself, over its own scenarios: they have none in common, so nothing is paired. '}
              {judges.size > 1
                ? "They have different judges: not all that differs is the models' doing."
                : columns.some(({ card }) => card.scorecard.corrected)
                  ? ''
                  : 'All rates are as the judge finds them, not corrected for its errors.'}
            </p>
          </section>
        );
      }}
    </Loaded>
  );
}

export function Compare() {
  const runs = useApi('GET /api/runs');
  const [query, change] = useQueryState();
  const [several, setSeveral] = useState(query['arms'] !== undefined);
  const x = Math.min(7, Math.max(1, Number(query['x']) || 3));
  const choices = choicesOf(runs.data?.runs ?? []);
  const a = query['a'] ?? choices[0]?.name ?? '';
  const b = query['b'] ?? choices[1]?.name ?? choices[0]?.name ?? '';
  const arms =
    query['arms'] === undefined
      ? choices.slice(0, 4).map(({ name }) => name)
      : query['arms'].split(',').filter(Boolean);
  const label = (name: string): string => choices.find((choice) => choice.name === name)?.label ?? name;
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
      lead="Arms that runs in this store measured, paired or side by side."
      actions={
        <div className="row">
          <button type="button" aria-pressed={!several} onClick={() => setSeveral(false)}>
            Two, paired
          </button>
          <button type="button" aria-pressed={several} onClick={() => setSeveral(true)}>
            Several
          </button>
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
            {several ? (
              <fieldset style={{ border: 0, padding: 0 }}>
                <legend className="visually-hidden">side by side</legend>
                <div className="row">
                  {choices.map(({ name, label: title }) => (
                    <label key={name} className="check">
                      <input
                        type="checkbox"
                        checked={arms.includes(name)}
                        onChange={() =>
                          change({
                            arms:
                              (arms.includes(name)
                                ? arms.filter((each) => each !== name)
                                : [...arms, name]
                              ).join(',') || ',',
                          })
                        }
                      />
                      {title}
                    </label>
                  ))}
                </div>
              </fieldset>
            ) : (
              <>
                <Choose label="first" value={a} choices={choices} set={(name) => change({ a: name })} />
                <Choose label="second" value={b} choices={choices} set={(name) => change({ b: name })} />
              </>
            )}
            <Severity x={x} set={(next) => change({ x: next === 3 ? undefined : String(next) })} />
          </div>
          {several ? (
            <Family arms={arms} choices={choices} x={x} />
          ) : (
            <Pair a={a} b={b} x={x} names={[label(a), label(b)]} />
          )}
        </>
      )}
    </Page>
  );
}
