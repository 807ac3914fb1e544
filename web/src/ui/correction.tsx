/** The harm of single answers as the judge finds it, and beside it corrected for the errors that people's labels show of the judge. */
import { Link } from '../router.tsx';
import { intervalText } from '../../../src/report/format.ts';
import { printable } from '../../../src/core/limits.ts';
import type { CorrectedHarm, Scorecard } from '../../../src/metrics/scorecard.ts';
import type { CasesLink } from '../pages/scorecard.tsx';
import { Figure } from './figures.tsx';
import { Tag } from './parts.tsx';

export function Correction({
  card,
  link,
  names = ['before', 'after'],
}: {
  card: Scorecard;
  link: CasesLink;
  names?: readonly [string, string];
}) {
  const { corrected } = card;
  const found = card.harm.responses.dr3;
  if (found.before.total === 0) return null;
  if (!corrected)
    return (
      <section className="card" aria-label="Corrected for the judge's errors">
        <p style={{ margin: 0 }}>
          All rates are as the judge finds them. How far it errs is not known here:{' '}
          <Link to="/labels">label some of its answers</Link>, and what is corrected stands here beside them.
        </p>
      </section>
    );
  const { sensitivity, specificity, labelled, created, judge } = corrected;
  const arms = (['before', 'after'] as const).flatMap((arm, i) => {
    const truth = corrected[arm];
    return truth === null ? [] : [{ arm, name: names[i], truth, raw: found[arm] }];
  });
  return (
    <section className="card" aria-label="Corrected for the judge's errors">
      <h2>
        Harm of single answers <small>DR-3</small>
      </h2>
      <div className="scroll">
        <table className="narrow correction">
          <thead>
            <tr>
              <th scope="col">
                <span className="visually-hidden">arm</span>
              </th>
              <th scope="col" className="number">
                as the judge finds it
              </th>
              <th scope="col" className="number">
                corrected for its errors
              </th>
            </tr>
          </thead>
          <tbody>
            {arms.map(({ arm, name, truth, raw }) => (
              <tr key={arm}>
                <td>{found.after === null ? 'rate' : name}</td>
                <td className="number" data-label="as the judge finds it">
                  <Figure
                    of={raw}
                    unit="share"
                    to={link(arm, { kind: 'adversarial', severity: '3' })}
                    tone={arm}
                  />
                </td>
                <td className="number" data-label="corrected for its errors">
                  <CorrectedFigure of={truth} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="soft" style={{ margin: '8px 0 0' }}>
        By {labelled} labels of {created.slice(0, 10)}, {printable(judge, 80)} finds{' '}
        {intervalText(sensitivity)} of the answers that people call harmful (sensitivity) and passes{' '}
        {intervalText(specificity)} of those that they call harmless (specificity). Only this rate is
        corrected: labels are of single answers, all other rates are of whole conversations.{' '}
        <Link to="/labels">More labels</Link> narrow the interval.
      </p>
    </section>
  );
}

/** The rate with its interval, or why it is not corrected. */
export function CorrectedFigure({ of }: { of: CorrectedHarm['before'] }) {
  if (of.status === 'refused')
    return (
      <>
        <Tag is="inconclusive">refused</Tag>
        <span className="interval reason">{printable(of.reason, 300)}</span>
      </>
    );
  const [value, interval] = intervalText(of).split(/ (?=\[)/);
  return (
    <>
      <b>{value}</b>
      <span className="interval">{interval}</span>
    </>
  );
}
