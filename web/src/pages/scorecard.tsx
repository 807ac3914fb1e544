/** The scorecard of a run: every number with its interval, and a way to the conversations behind it. */
import { useCallback } from 'react';
import { useApi } from '../api.ts';
import { addressWith, Link, useQueryState } from '../router.tsx';
import type { CategoryGroup, ShownLine, ShownScorecard } from '../../../src/server/routes/scorecards.ts';
import type { Selection } from '../../../src/loop/select.ts';
import { PHI_3_NOTE, UNCORRECTED } from '../../../src/report/format.ts';
import { printable } from '../../../src/core/limits.ts';
import { useCategoryMeasure } from '../ui/category-measure.tsx';
import { Chart, COLOURS, type Plot } from '../ui/chart.tsx';
import { Correction } from '../ui/correction.tsx';
import { BarLine, difference, estimate, Figure, figure, pValue, sampleSize } from '../ui/figures.tsx';
import { Empty, Loaded, Loading, Page, Problem, Tag, when } from '../ui/parts.tsx';
import { RunChoice, useRun } from '../ui/run-choice.tsx';

export type Arm = 'before' | 'after';
/** Address of the conversations of an arm under a filter; undefined where they are not known. */
export type CasesLink = (arm: Arm, filter: Readonly<Record<string, string>>) => string | undefined;

export const casesOf =
  (run: string): CasesLink =>
  (arm, filter) =>
    addressWith('/conversations', { run, arm: `verify: ${arm}`, ...filter });

/** The conversations that a line counts as its event. */
export function eventOf({
  cases,
  measure,
  name,
}: Pick<ShownLine, 'cases' | 'measure' | 'name'>): Record<string, string> {
  const base: Record<string, string> = 'row' in cases ? { row: cases.row } : { kind: cases.kind };
  const dr = /^DR-(\d)$/.exec(measure)?.[1];
  if (dr !== undefined) return { ...base, kind: 'adversarial', severity: dr };
  if (measure === 'VPRR' || measure === 'IPRR') return { ...base, outcome: 'refused' };
  if (name.startsWith('Helpfulness')) return { ...base, outcome: 'right' };
  if (name.startsWith('Degenerate')) return { ...base, outcome: 'degenerate' };
  return base;
}

const allOf = ({ cases }: ShownLine): Record<string, string> =>
  'row' in cases ? { row: cases.row } : { kind: cases.kind };

function LineRow({
  line,
  compared,
  link,
  names,
}: {
  line: ShownLine;
  compared: boolean;
  link: CasesLink;
  names: readonly [string, string];
}) {
  const { comparison, unit, change } = line;
  const tone = change === 'better' ? 'good' : change === 'worse' ? 'bad' : '';
  const size = (arm: Arm) => {
    const of = comparison[arm];
    const to = link(arm, allOf(line));
    return of === null ? null : to ? <Link to={to}>{sampleSize(of)}</Link> : sampleSize(of);
  };
  return (
    <tr className={line.name.startsWith('  ') ? 'sub' : ''}>
      <td>
        {line.name.trim()} <small>{line.measure}</small>
      </td>
      <td className="number" data-label={compared ? names[0] : 'rate'}>
        <Figure of={comparison.before} unit={unit} to={link('before', eventOf(line))} tone="before" />
      </td>
      {compared ? (
        <>
          <td className="number" data-label={names[1]}>
            <Figure of={comparison.after} unit={unit} to={link('after', eventOf(line))} tone="after" />
          </td>
          <td className="number" data-label="paired difference">
            <span className={tone}>{difference(comparison.difference, unit)}</span>
            {change ? <span className="interval">{change}</span> : null}
          </td>
          <td className="number" data-label="p">
            {pValue(comparison.p)}
          </td>
        </>
      ) : null}
      <td className="number" data-label="n">
        {size('before')}
        {compared ? <> / {size('after')}</> : null}
      </td>
      <td className="number" data-label="phi-3-mini*">
        <small>{line.reference === undefined ? '' : figure(line.reference, unit)}</small>
      </td>
    </tr>
  );
}

export function Lines({
  card,
  link,
  names = ['before', 'after'],
}: {
  card: ShownScorecard;
  link: CasesLink;
  names?: readonly [string, string];
}) {
  const compared = card.scorecard.counts.after !== null;
  const head = compared ? [...names, 'paired difference', 'p', 'n'] : ['rate', 'n'];
  return (
    <section className="card">
      <div className="scroll">
        <table className="narrow">
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">measure</span>
              </th>
              {head.map((name) => (
                <th key={name} scope="col" className="number">
                  {name}
                </th>
              ))}
              <th scope="col" className="number" title={PHI_3_NOTE}>
                phi-3-mini*
              </th>
            </tr>
          </thead>
          <tbody>
            {[...card.rows, ...card.rest].map((line) => (
              <LineRow
                key={`${line.name}${line.measure}`}
                line={line}
                compared={compared}
                link={link}
                names={names}
              />
            ))}
          </tbody>
        </table>
      </div>
      <details className="explains">
        <summary>How to read this</summary>
        <p>
          Each rate has its 95 % interval. The paired difference and p are of the conversations scored in both
          arms, so the difference need not be that of the two rates. n + m?: m could not be judged and count
          as neither. {compared ? `${UNCORRECTED} Better and worse stand where p is below .05. ` : ''}DR-x:
          share of conversations whose worst answer has severity x or more (0 none, 7 extreme). VPRR: benign
          requests refused. IPRR: adversarial requests refused. Choose a number for its conversations. *
          {PHI_3_NOTE}.
        </p>
      </details>
    </section>
  );
}

export function Groups({
  groups,
  x,
  link,
  names = ['before', 'after'],
}: {
  groups: readonly CategoryGroup[];
  x: number;
  link: CasesLink;
  names?: readonly [string, string];
}) {
  const { what, filter, head } = useCategoryMeasure(x);
  const of = (arm: Arm, category: string): string | undefined => link(arm, { category, ...filter });
  return (
    <section className="card" aria-label="By category">
      {head}
      <p className="key">
        <span className="before">{names[0]}</span>
        <span className="after">{names[1]}</span>
        <span style={{ color: 'var(--ink)' }}>thin line: 95 % interval</span>
      </p>
      <div className="bars">
        <div className="line" aria-hidden="true">
          <span />
          <span className="scale">
            <span>0 %</span>
            <span>50 %</span>
            <span>100 %</span>
          </span>
          <span />
        </div>
        {groups.map((group) => {
          const lines = group.categories.flatMap((category) => {
            const comparison = category[what];
            return comparison ? [{ category, comparison }] : [];
          });
          if (lines.length === 0) return null;
          const together = group[what];
          return (
            <div key={group.group} className="group">
              {together ? (
                <BarLine
                  name={group.name}
                  of={together}
                  names={names}
                  link={(arm) => of(arm, group.categories.map(({ category }) => category).join('|'))}
                />
              ) : (
                <div className="line">
                  <span className="name">{group.name}</span>
                </div>
              )}
              {lines.map(({ category, comparison }) => (
                <BarLine
                  key={category.category}
                  name={category.name}
                  title={category.definition}
                  of={comparison}
                  names={names}
                  link={(arm) => of(arm, category.category)}
                />
              ))}
            </div>
          );
        })}
      </div>
    </section>
  );
}

export function Curve({
  card,
  x,
  names = ['before', 'after'],
}: {
  card: ShownScorecard;
  /** The severity that is chosen. */
  x: number;
  names?: readonly [string, string];
}) {
  const { curve } = card.scorecard.harm;
  const draw = useCallback(
    (plot: Plot) => {
      const points = curve.flatMap((comparison, i) =>
        (['before', 'after'] as const).flatMap((arm) => {
          const of = comparison[arm];
          return of && of.value !== null
            ? [{ x: i + 1, value: of.value, low: of.low, high: of.high, arm }]
            : [];
        }),
      );
      const shift = (arm: string): number => (arm === 'before' ? -4 : 4);
      return {
        x: { label: 'severity x', ticks: [1, 2, 3, 4, 5, 6, 7], domain: [0.8, 7.2], tickFormat: 'd' },
        y: {
          label: 'DR-x',
          percent: true,
          grid: true,
          domain: [0, Math.max(10, ...points.map(({ high }) => high * 100))],
        },
        marks: [
          plot.ruleX([x], { stroke: COLOURS.ink, strokeOpacity: 0.15, strokeWidth: 14 }),
          ...(['before', 'after'] as const).flatMap((arm) => {
            const own = points.filter((point) => point.arm === arm);
            const stroke = COLOURS[arm];
            return [
              plot.ruleX(own, { x: 'x', y1: 'low', y2: 'high', stroke, strokeOpacity: 0.5, dx: shift(arm) }),
              plot.line(own, { x: 'x', y: 'value', stroke, dx: shift(arm) }),
              plot.dot(own, { x: 'x', y: 'value', fill: stroke, r: 3.5, dx: shift(arm) }),
            ];
          }),
        ],
      };
    },
    [curve, x],
  );
  return (
    <Chart
      label="DR-x by x, before and after"
      draw={draw}
      caption={
        <>
          Share of adversarial conversations with an answer of severity x or more.{' '}
          <span className="before">{names[0]}</span>
          {card.scorecard.counts.after === null ? (
            ''
          ) : (
            <>
              , <span className="after">{names[1]}</span>
            </>
          )}
        </>
      }
    />
  );
}

export function Frontier({ selection }: { selection: Selection }) {
  const { frontier, base, chosen } = selection;
  const draw = useCallback(
    (plot: Plot) => {
      const points = frontier
        .map((point) => ({
          ...point,
          name: `${point.checkpoint} × ${point.strength}`,
          chosen: point.adapter === chosen.adapter && point.strength === chosen.strength,
        }))
        .filter(({ harm, overRefusal }) => harm !== null && overRefusal !== null);
      // Where nothing is above zero an axis would have no length.
      const axis = (name: 'harm' | 'overRefusal') => ({
        percent: true,
        grid: true,
        nice: true,
        domain: [
          0,
          Math.max(5, ...[...points, ...(base ? [base] : [])].map((each) => 100 * (each[name] ?? 0))),
        ],
      });
      return {
        marginBottom: 40,
        x: { label: 'over-refusal (benign requests refused)', ...axis('overRefusal') },
        y: { label: 'harm (DR-3)', ...axis('harm') },
        marks: [
          plot.dot(points, {
            x: 'overRefusal',
            y: 'harm',
            r: (point: (typeof points)[number]) => (point.chosen ? 7 : 4.5),
            fill: (point: (typeof points)[number]) => (point.admissible ? COLOURS.after : 'var(--card)'),
            stroke: COLOURS.after,
            strokeWidth: 1.5,
          }),
          ...(base
            ? [
                plot.dot([base], { x: 'overRefusal', y: 'harm', r: 6, fill: COLOURS.before }),
                plot.text([base], {
                  x: 'overRefusal',
                  y: 'harm',
                  text: () => 'before the fix',
                  dy: -12,
                  fill: COLOURS.ink,
                }),
              ]
            : []),
          plot.text(
            points.filter((point) => point.chosen),
            {
              x: 'overRefusal',
              y: 'harm',
              text: () => 'chosen',
              dy: -14,
              fill: COLOURS.ink,
              fontWeight: 600,
            },
          ),
          plot.tip(
            points,
            plot.pointer({
              x: 'overRefusal',
              y: 'harm',
              title: (point: (typeof points)[number]) =>
                `${point.name}\nharm ${(point.harm * 100).toFixed(0)} %, over-refusal ${(point.overRefusal * 100).toFixed(0)} %\n${point.admissible ? 'within' : 'outside'} the limits`,
            }),
          ),
        ],
      };
    },
    [frontier, base, chosen],
  );
  return (
    <>
      <Chart
        label="Candidates by harm and over-refusal"
        draw={draw}
        caption="On dev scenarios kept from training: not to be compared with the sealed figures. Down and left is better; hollow: outside the limits."
      />
      <div className="scroll" tabIndex={0} role="region" aria-label="Candidates">
        <table>
          <thead>
            <tr>
              {['candidate', 'harm', 'over-refusal', 'helpful', 'degenerate', ''].map((name) => (
                <th key={name} scope="col" className="number">
                  {name || <span className="visually-hidden">remark</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {base ? (
              <tr className="before">
                <td>before the fix</td>
                {[base.harm, base.overRefusal, base.helpfulness, base.degenerate].map((value, i) => (
                  <td key={i} className="number">
                    {figure(value, 'share')}
                  </td>
                ))}
                <td />
              </tr>
            ) : null}
            {frontier.map((point) => (
              <tr key={`${point.adapter}${point.strength}`}>
                <td>
                  {point.checkpoint} × {point.strength}
                </td>
                {[point.harm, point.overRefusal, point.helpfulness, point.degenerate].map((value, i) => (
                  <td key={i} className="number">
                    {figure(value, 'share')}
                  </td>
                ))}
                <td>
                  {point.adapter === chosen.adapter && point.strength === chosen.strength ? (
                    <Tag is="good">chosen</Tag>
                  ) : point.admissible ? (
                    ''
                  ) : (
                    <small>outside the limits</small>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Gate({ card }: { card: ShownScorecard }) {
  const { gate } = card.scorecard;
  if (!gate) return null;
  const words = {
    pass: 'It passes: every criterion holds.',
    fail: 'It fails: one criterion does not hold.',
    inconclusive: 'Inconclusive: the intervals are too wide to tell.',
  };
  return (
    <section className="card" aria-label="Gate">
      <div className="row">
        <h2>May this adapter ship?</h2> <Tag is={gate.outcome}>{gate.outcome}</Tag>
      </div>
      <p className="soft">{words[gate.outcome]}</p>
      <div className="gate">
        {card.criteria.map(({ name, outcome, text }) => (
          <div key={name} className="line">
            <b>{name}</b>
            <span>
              <Tag is={outcome}>{outcome}</Tag>
            </span>
            <span>{text}</span>
          </div>
        ))}
      </div>
    </section>
  );
}

function Facts({ card }: { card: ShownScorecard }) {
  const { about } = card.scorecard;
  const facts: [string, string | undefined][] = [
    ['target', about.target],
    ['adapter', about.adapter],
    ['scenarios', `${about.suite}${about.split ? `, ${about.split} split` : ''}`],
    ['user', about.simulator],
    ['judge', about.judge],
    ['seed', about.seed === undefined ? undefined : String(about.seed)],
    ['started', when(about.created)],
  ];
  return (
    <section className="card" aria-label="What was measured">
      <dl className="facts">
        {facts.map(([name, value]) =>
          value ? (
            <div key={name} style={{ display: 'contents' }}>
              <dt>{name}</dt>
              <dd>{printable(value)}</dd>
            </div>
          ) : null,
        )}
      </dl>
      {(about.notes ?? []).map((note) => (
        <div key={note} className="note">
          <p>{printable(note)}</p>
        </div>
      ))}
    </section>
  );
}

/** Conversations of a category below which its rate says little: others come first. */
const FEW = 3;

type Category = CategoryGroup['categories'][number];

/** Of an arm the category with the highest rate of harm, those of a few conversations last. */
function worstOf(all: readonly Category[], arm: Arm): Category | undefined {
  const value = (category: Category): number => category.harm?.[arm]?.value ?? -1;
  const size = (category: Category): number => category.harm?.[arm]?.n ?? 0;
  return all
    .filter((category) => value(category) > 0)
    .sort(
      (a, b) => Number(size(b) >= FEW) - Number(size(a) >= FEW) || value(b) - value(a) || size(b) - size(a),
    )[0];
}

/** The worst category after the fix, as a sentence that leads to all of its conversations, worst first, and to the console; where no harm is left, the worst before it. */
function Worst({ card, link, run }: { card: ShownScorecard; link: CasesLink; run: string }) {
  const all = card.groups.flatMap(({ categories }) => categories);
  const fixed = card.scorecard.counts.after === null ? undefined : worstOf(all, 'after');
  const worst = fixed ?? worstOf(all, 'before');
  if (!worst) return null;
  const arm: Arm = fixed ? 'after' : 'before';
  const { n } = worst.harm![arm]!;
  const clean = card.scorecard.counts.after !== null && !fixed;
  const to = link(arm, { category: worst.category, kind: 'adversarial', sort: 'severity' });
  return (
    <div className="card row spread" role="group" aria-label="Worst category">
      <p style={{ margin: 0 }}>
        {clean ? 'No harm was found after the fix. ' : ''}
        Worst category{arm === 'after' ? ' after the fix' : clean ? ' before it' : ''}
        {n >= FEW ? `, of those with ${FEW} conversations or more` : ''}: <b>{worst.name}</b>,{' '}
        {estimate(worst.harm![arm], 'share')} of {n}
      </p>
      <div className="row no-print">
        {to ? (
          <Link to={to} className="button primary">
            Read them
          </Link>
        ) : null}
        <Link to={addressWith('/console', { category: worst.category, run })} className="button">
          Attack it by hand
        </Link>
      </div>
    </div>
  );
}

export const Severity = ({ x, set }: { x: number; set: (x: number) => void }) => (
  <label className="row">
    <span>
      harmful from severity <b>{x}</b>
    </span>
    <input
      type="range"
      min={1}
      max={7}
      step={1}
      value={x}
      aria-valuetext={`severity ${x} or more`}
      onChange={(event) => set(Number(event.target.value))}
    />
  </label>
);

export function ScorecardPage() {
  const { runs, all, id, run, choose } = useRun(({ status }) => status === 'finished');
  const [query, change] = useQueryState();
  const x = Math.min(7, Math.max(1, Number(query['x']) || 3));
  const card = useApi(
    'GET /api/runs/:id/scorecard',
    { params: { id: id ?? '' }, query: { x } },
    { enabled: id !== undefined, keep: true },
  );
  const detail = useApi('GET /api/runs/:id', { params: { id: id ?? '' } }, { enabled: id !== undefined });
  if (runs.isError)
    return (
      <Page title="Scorecard">
        <Problem error={runs.error} retry={() => void runs.refetch()} />
      </Page>
    );
  if (!runs.data)
    return (
      <Page title="Scorecard">
        <Loading lines={10} />
      </Page>
    );
  if (id === undefined)
    return (
      <Page title="Scorecard">
        <Empty title="No finished run yet">
          <p>
            A scorecard is the end of a run: harm, over-refusal and helpfulness, before and after the fix.
          </p>
          <Link to="/runs?start=yes" className="button primary">
            Start a run
          </Link>
        </Empty>
      </Page>
    );
  const link = casesOf(id);
  return (
    <Page
      title="Scorecard"
      lead={run ? <>Before and after the fix, on sealed scenarios.</> : null}
      actions={
        <>
          {all.length > 1 ? <RunChoice all={all} id={id} choose={choose} /> : null}
          <a className="button" href={`/api/runs/${id}/report`}>
            HTML report
          </a>
          <button type="button" onClick={() => window.print()}>
            Print, PDF
          </button>
        </>
      }
    >
      <Loaded query={card} lines={12}>
        {(data) => (
          <>
            <Gate card={data} />
            <Worst card={data} link={link} run={id} />
            <Facts card={data} />
            <Lines card={data} link={link} />
            <Correction card={data.scorecard} link={link} />
            <div className="row no-print" style={{ marginBottom: 12 }}>
              {data.counted ? (
                <Severity x={x} set={(next) => change({ x: next === 3 ? undefined : String(next) })} />
              ) : (
                <small>
                  Figures as the run stored them: its conversations are too many to count anew, or not noted.
                </small>
              )}
            </div>
            <Groups groups={data.groups} x={data.scorecard.categorySeverity} link={link} />
            <div className="cards">
              <section className="card">
                <h2>At every severity</h2>
                <Curve card={data} x={data.scorecard.categorySeverity} />
              </section>
              {detail.data?.selection ? (
                <section className="card">
                  <h2>The candidates</h2>
                  <Frontier selection={detail.data.selection} />
                </section>
              ) : null}
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}
