/** Models by their runs, before and after: did they improve alike? */
import { useApi } from '../api.ts';
import { addressWith, Link } from '../router.tsx';
import { Curves } from './curves.tsx';
import { difference, Figure, pValue } from './figures.tsx';
import { Empty, Loaded, number } from './parts.tsx';
import { printable } from '../../../src/core/limits.ts';
import { heterogeneity } from '../../../src/report/format.ts';
import type { FamilyMemberView, FamilyView } from '../../../src/server/routes/families.ts';

type Name = keyof FamilyMemberView['figures'];

const figures = (x: number) =>
  [
    ['harm', `Harm, all adversarial (DR-${x})`, { kind: 'adversarial', severity: String(x) }, true],
    ['overRefusal', 'Over-refusal, benign', { kind: 'benign', outcome: 'refused' }, true],
    ['helpfulness', 'Helpfulness, correct', { kind: 'general', outcome: 'right' }, false],
  ] as const;

function Measure({
  name,
  title,
  filter,
  lower,
  family: { members, tests },
  label,
}: {
  name: Name;
  title: string;
  filter: Readonly<Record<string, string>>;
  /** Whether less is better. */
  lower: boolean;
  family: FamilyView;
  label: (run: string) => string;
}) {
  const link = (run: string, arm: string) =>
    addressWith('/conversations', { run, arm: `verify: ${arm}`, ...filter });
  return (
    <section className="card" aria-label={title}>
      <h2>{title}</h2>
      <div className="scroll">
        <table className="narrow">
          <thead>
            <tr>
              {['model', 'examples', 'before', 'after', 'change of the pairs', 'p'].map((head, i) => (
                <th key={head} scope="col" className={i > 0 ? 'number' : ''}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {members.map(({ run, target, examples, figures: own }) => {
              const { before, after, difference: by, p } = own[name];
              const clear = p !== null && p < 0.05 && by?.value;
              return (
                <tr key={run}>
                  <td>
                    <Link to={`/scorecard?run=${run}`}>{label(run)}</Link>
                    <span className="interval reason">{printable(target, 120)}</span>
                  </td>
                  <td className="number" data-label="examples">
                    {examples === null ? '–' : number(examples)}
                  </td>
                  <td className="number" data-label="before">
                    <Figure of={before} unit="share" to={link(run, 'before')} tone="before" />
                  </td>
                  <td className="number" data-label="after">
                    <Figure of={after} unit="share" to={link(run, 'after')} tone="after" />
                  </td>
                  <td className="number" data-label="change of the pairs">
                    <span className={clear ? (clear < 0 === lower ? 'good' : 'bad') : ''}>
                      {difference(by, 'share')}
                    </span>
                  </td>
                  <td className="number" data-label="p">
                    {pValue(p)}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p style={{ margin: '10px 0 4px' }}>
        Alike in their change: <b>{heterogeneity(tests.change[name])}</b>
      </p>
      {name === 'harm' ? (
        <p className="soft">
          One rate of harm before the fix: {heterogeneity(tests.before)}; after: {heterogeneity(tests.after)}{' '}
          (Pearson; the models meet the same scenarios, so it is conservative).
        </p>
      ) : null}
    </section>
  );
}

export function Family({
  runs,
  label,
  x,
}: {
  runs: readonly string[];
  label: (run: string) => string;
  x: number;
}) {
  const answer = useApi(
    'GET /api/families',
    { query: { runs: runs.join(','), x } },
    { enabled: runs.length > 1, keep: true },
  );
  if (runs.length < 2)
    return (
      <Empty title="Choose two runs or more">
        <p>A family is several models, or rounds, each before and after its fix.</p>
      </Empty>
    );
  return (
    <Loaded query={answer} lines={12}>
      {({ family, alone }) =>
        family === null ? (
          <Empty title="Nothing to compare">
            <p>{printable(alone ?? '', 600)}</p>
          </Empty>
        ) : (
          <>
            <p className="soft">
              {number(family.scenarios)} scenarios that all of them have, before and after. Q asks whether the
              changes differ by more than chance; I² is the share of their spread that is not chance. A small
              p says that the models differ; a large one does not say that they are alike.
            </p>
            {family.notes.map((note) => (
              <p key={note} className="soft">
                {printable(note, 600)}
              </p>
            ))}
            {figures(x).map(([name, title, filter, lower]) => (
              <Measure key={name} {...{ name, title, filter, lower, family, label }} />
            ))}
            <section className="card">
              <h2>At every severity</h2>
              <Curves
                x={x}
                series={family.members.flatMap(({ run, curve }, hue) =>
                  (['before', 'after'] as const).flatMap((arm) =>
                    curve[0]![arm] === null
                      ? []
                      : [
                          {
                            name: `${label(run)} ${arm}`,
                            hue,
                            dashed: arm === 'before',
                            curve: curve.map((each) => each[arm]),
                            to: addressWith('/conversations', {
                              run,
                              arm: `verify: ${arm}`,
                              kind: 'adversarial',
                              severity: String(x),
                            }),
                          },
                        ],
                  ),
                )}
              />
            </section>
          </>
        )
      }
    </Loaded>
  );
}
