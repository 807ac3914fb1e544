/** Any number of arms side by side: the lines of Table 1, DR-x at every x, every category. */
import { useApi } from '../api.ts';
import { addressWith, Link } from '../router.tsx';
import { useCategoryMeasure } from './category-measure.tsx';
import { CorrectedFigure } from './correction.tsx';
import { Curves } from './curves.tsx';
import { difference, Figure, figure, pValue, sampleSize } from './figures.tsx';
import { Empty, Loaded, number } from './parts.tsx';
import { printable } from '../../../src/core/limits.ts';
import { eventOf } from '../pages/scorecard.tsx';
import type { Line } from '../../../src/report/format.ts';
import { type ComparisonTable, stars, type TableCell } from '../../../src/report/table.ts';
import type { ShownScorecard } from '../../../src/server/routes/scorecards.ts';

/** Instead of a run, of what was measured outside of runs. */
export const MEASURED = 'measured';

/** `RUN:ARM`, as filters of conversations. */
export const split = (name: string): { run: string; arm: string } => {
  const at = name.indexOf(':');
  return { run: name.slice(0, at), arm: name.slice(at + 1) };
};

export interface Column {
  readonly name: string;
  readonly label: string;
  readonly card: ShownScorecard;
}

/** A table for reports names a line below another in full. */
const keyOf = ({ name, measure }: Pick<Line, 'name' | 'measure'>): string =>
  `${name.replace(/^Over-refusal, (?=with)/, '').trim()} ${measure}`;

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

function Head({ columns, note }: { columns: readonly Column[]; note?: string | undefined }) {
  return (
    <thead>
      <tr>
        <th scope="col">
          <span className="visually-hidden">measure</span>
        </th>
        {columns.map(({ name, label }, i) => (
          <th key={name} scope="col" className="number">
            {split(name).run === MEASURED ? (
              label
            ) : (
              <Link to={`/scorecard?run=${split(name).run}`}>{label}</Link>
            )}
            {note && i > 0 ? <small> {note}</small> : null}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Lines({
  columns,
  table,
  alone,
}: {
  columns: readonly Column[];
  table: ComparisonTable | null;
  alone: string | null;
}) {
  const known = columns.map(({ card }) => new Map([...card.rows, ...card.rest].map((l) => [keyOf(l), l])));
  const judges = new Set(columns.map(({ card }) => card.scorecard.about.judge));
  const corrected = columns.some(({ card }) => card.scorecard.corrected);
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
          <Head columns={columns} note={table ? 'and from the first' : undefined} />
          <tbody>
            {shown.map(({ key, cells }) => {
              const line = lines.get(key)!;
              return (
                <tr key={key} className={line.name.startsWith('  ') ? 'sub' : ''}>
                  <td>
                    {line.name.trim()} <small className="whole">{line.measure}</small>
                  </td>
                  {columns.map(({ name, label }, i) => (
                    <td key={name} className="number" data-label={label}>
                      <Figure
                        of={cells?.[i]?.estimate ?? known[i]!.get(key)?.comparison.before ?? null}
                        unit={line.unit}
                        to={addressWith('/conversations', { ...split(name), ...eventOf(line) })}
                      />
                      {i > 0 && cells ? <Change line={line} cell={cells[i]!} /> : null}
                    </td>
                  ))}
                </tr>
              );
            })}
            {corrected ? (
              <tr>
                <td>
                  Harm of single answers <small>DR-3, corrected for the judge's errors</small>
                </td>
                {columns.map(({ name, label, card: { scorecard } }) => (
                  <td key={name} className="number" data-label={label}>
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
          : corrected
            ? ''
            : 'All rates are as the judge finds them, not corrected for its errors.'}
      </p>
    </section>
  );
}

/** Every category of any of them, by its group. */
function Categories({ columns, x }: { columns: readonly Column[]; x: number }) {
  const { what, filter, head } = useCategoryMeasure(x);
  const own = columns.map(
    ({ card }) =>
      new Map(
        card.groups.flatMap((group) => [
          [`group ${group.group}`, group[what]] as const,
          ...group.categories.map((each) => [each.category, each[what]] as const),
        ]),
      ),
  );
  const groups = new Map(
    columns.flatMap(({ card }) => card.groups.map((group) => [group.group, group.name])),
  );
  const names = new Map(
    columns.flatMap(({ card }) =>
      card.groups.flatMap(({ group, categories }) =>
        categories.map(({ category, name }) => [category, { group, name }] as const),
      ),
    ),
  );
  const line = (key: string, name: string, categories: readonly string[], head: boolean) => {
    const cells = own.map((of) => of.get(key)?.before ?? null);
    if (cells.every((cell) => cell === null || cell.total === 0)) return null;
    return (
      <tr key={key} className={head ? '' : 'sub'}>
        <th scope="row">{head ? <b>{name}</b> : name}</th>
        {columns.map((column, i) => {
          const of = cells[i]!;
          return (
            <td
              key={column.name}
              className="number heat"
              style={{ '--share': `${((of?.value ?? 0) * 100).toFixed(0)}%` } as never}
            >
              {of?.value == null ? (
                '–'
              ) : (
                <Link
                  to={addressWith('/conversations', {
                    ...split(column.name),
                    ...filter,
                    category: categories.join('|'),
                  })}
                >
                  {figure(of.value, 'share')}
                </Link>
              )}{' '}
              <small>{of ? sampleSize(of) : ''}</small>
            </td>
          );
        })}
      </tr>
    );
  };
  return (
    <section className="card" aria-label="By category, side by side">
      {head}
      <div className="scroll" tabIndex={0} role="region" aria-label="Categories side by side">
        <table className="categories">
          <Head columns={columns} />
          <tbody>
            {[...groups].map(([group, name]) => {
              const inside = [...names].filter(([, each]) => each.group === group);
              return [
                line(
                  `group ${group}`,
                  name,
                  inside.map(([category]) => category),
                  true,
                ),
                ...inside.map(([category, each]) => line(category, each.name, [category], false)),
              ];
            })}
          </tbody>
        </table>
      </div>
      <p className="soft">Beside each share its n. Few conversations a category: look at the group first.</p>
    </section>
  );
}

export function SideBySide({
  arms,
  label,
  x,
}: {
  arms: readonly string[];
  label: (name: string) => string;
  /** undefined: as Table 1 has it, categories from 3 on. */
  x: number | undefined;
}) {
  const family = useApi(
    'GET /api/family',
    { query: { arms: arms.join(','), x } },
    { enabled: arms.length > 0, keep: true },
  );
  if (arms.length === 0) return <Empty title="Choose what stands side by side" />;
  return (
    <Loaded query={family} lines={12}>
      {({ columns: found, table, alone }) => {
        const columns = found.map((column): Column => ({ ...column, label: label(column.name) }));
        const at = columns[0]!.card.scorecard.categorySeverity;
        return (
          <>
            <Lines columns={columns} table={table} alone={alone} />
            <section className="card">
              <h2>At every severity</h2>
              <Curves
                x={at}
                series={columns.map(({ name, label: title, card }, hue) => ({
                  name: title,
                  hue,
                  curve: card.scorecard.harm.curve.map(({ before }) => before),
                  to: addressWith('/conversations', {
                    ...split(name),
                    kind: 'adversarial',
                    severity: String(at),
                  }),
                }))}
              />
            </section>
            <Categories columns={columns} x={at} />
          </>
        );
      }}
    </Loaded>
  );
}
