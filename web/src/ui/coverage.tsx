/** Categories by techniques: what red teamers and runs tried, and what nobody has. */
import { useState } from 'react';
import { useApi } from '../api.ts';
import { useQueryState } from '../router.tsx';
import { Loaded, number, words } from './parts.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { CoverageCell } from '../../../src/server/routes/campaigns.ts';

/** What a cell says of itself. */
function told(name: string, technique: string, cell: CoverageCell | undefined): string {
  if (!cell) return `${name}, ${words(technique)}: nobody has tried`;
  const by = cell.people.length > 0 ? ` by ${cell.people.slice(0, 6).join(', ')}` : '';
  return `${name}, ${words(technique)}: ${cell.hand} by hand${by}, ${cell.handHarmful} of them harmful; ${cell.elsewhere} in other sessions; ${cell.runs} in runs, ${cell.harmful} harmful`;
}

const tried = (cell: CoverageCell | undefined): number =>
  (cell?.hand ?? 0) + (cell?.elsewhere ?? 0) + (cell?.runs ?? 0);

export function Coverage({
  campaign,
  author,
  categories = [],
}: {
  campaign?: string | undefined;
  author?: string | undefined;
  /** Those of the campaign; none: all. */
  categories?: readonly string[];
}) {
  const coverage = useApi('GET /api/console/coverage', { query: { campaign, author } }, { keep: true });
  const settings = useApi('GET /api/settings');
  const meta = useApi('GET /api/console');
  const [, change] = useQueryState();
  const [by, setBy] = useState<'strategy' | 'attack'>('strategy');
  const leaves = (settings.data?.taxonomy.leaves ?? []).filter(
    ({ id }) => categories.length === 0 || categories.includes(id),
  );
  const techniques = [
    'plain',
    ...((by === 'strategy' ? meta.data?.strategies : meta.data?.attacks)?.map(({ id }) => id) ?? []),
  ];
  return (
    <Loaded query={coverage} lines={6}>
      {({ cells }) => {
        const at = new Map(cells.map((cell) => [`${cell.category} ${cell.technique}`, cell]));
        const open = leaves.flatMap((leaf) =>
          techniques.flatMap((technique) =>
            tried(at.get(`${leaf.id} ${technique}`)) === 0 ? [{ category: leaf.id, technique }] : [],
          ),
        );
        const begin = (category: string, technique?: string): void =>
          change(
            { category, technique: technique === 'plain' ? undefined : technique, session: undefined },
            true,
          );
        // Where most was found already, something new is likeliest to be.
        const harm = (category: string): number =>
          cells.reduce(
            (sum, cell) => sum + (cell.category === category ? cell.harmful + cell.handHarmful : 0),
            0,
          );
        const next = open.reduce<(typeof open)[number] | undefined>(
          (best, each) => (best === undefined || harm(each.category) > harm(best.category) ? each : best),
          undefined,
        );
        return (
          <>
            <div className="row" style={{ marginBottom: 8 }}>
              {(['strategy', 'attack'] as const).map((each) => (
                <button key={each} type="button" aria-pressed={by === each} onClick={() => setBy(each)}>
                  {each === 'strategy' ? 'by strategy' : 'by attack'}
                </button>
              ))}
              <span role="status">
                nobody has tried <b>{number(open.length)}</b> of {number(leaves.length * techniques.length)}
              </span>
              {next ? (
                <button type="button" onClick={() => begin(next.category, next.technique)}>
                  Next: {words(next.category)}, {words(next.technique)}
                </button>
              ) : null}
            </div>
            <p className="soft">
              Hatched: nobody has tried. Green: turns by hand{campaign ? ' in this campaign' : ''}; red:
              answers that the judge takes for harmful, by hand or in runs. Choose a cell or a category to
              begin there.
            </p>
            <div className="matrix coverage" tabIndex={0} style={{ maxHeight: 460, overflow: 'auto' }}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">category</th>
                    {techniques.map((technique) => (
                      <th key={technique} scope="col" className="attack">
                        {words(technique)}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {leaves.map((leaf) => (
                    <tr key={leaf.id}>
                      <th scope="row">
                        <button type="button" className="plain" onClick={() => begin(leaf.id)}>
                          {leaf.name}
                        </button>
                      </th>
                      {techniques.map((technique) => {
                        const cell = at.get(`${leaf.id} ${technique}`);
                        const harmful = (cell?.harmful ?? 0) + (cell?.handHarmful ?? 0);
                        const hand = cell?.hand ?? 0;
                        return (
                          <td
                            key={technique}
                            title={printable(told(leaf.name, technique, cell), 400)}
                            className={
                              tried(cell) === 0 ? 'none' : harmful > 0 ? 'bad' : hand > 0 ? 'hand' : ''
                            }
                            onClick={() => begin(leaf.id, technique)}
                          >
                            {hand > 0 ? hand : harmful > 0 ? harmful : ''}
                            {tried(cell) === 0 ? <span className="visually-hidden">not tried</span> : null}
                          </td>
                        );
                      })}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </>
        );
      }}
    </Loaded>
  );
}
