/** The red-team console: sessions with a goal, what nobody has tried, and the chat. */
import { useState } from 'react';
import { useApi, useChange } from '../api.ts';
import { Only } from '../me.tsx';
import { personName } from '../person.ts';
import { Link, useQueryState } from '../router.tsx';
import { ChatView } from '../ui/chat.tsx';
import { Empty, Loaded, Page, Problem, short, words } from '../ui/parts.tsx';
import { printable } from '../../../src/core/limits.ts';

function Coverage() {
  const coverage = useApi('GET /api/console/coverage');
  const settings = useApi('GET /api/settings');
  const meta = useApi('GET /api/console');
  const [, change] = useQueryState();
  const leaves = settings.data?.taxonomy.leaves ?? [];
  const attacks = ['plain', ...(meta.data?.attacks.map(({ id }) => id) ?? [])];
  return (
    <Loaded query={coverage} lines={6}>
      {({ cells }) => {
        const at = new Map(cells.map((cell) => [`${cell.category} ${cell.attack}`, cell]));
        return (
          <>
            <p className="soft">
              Green: tried by hand. Red: harm in a run's conversations. Hatched: nobody has tried. Choose a
              category to begin a session there.
            </p>
            <div className="matrix coverage" tabIndex={0} style={{ maxHeight: 460, overflow: 'auto' }}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">category</th>
                    {attacks.map((attack) => (
                      <th key={attack} scope="col" className="attack">
                        {words(attack)}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {leaves.map((leaf) => (
                    <tr key={leaf.id}>
                      <th scope="row">
                        <button
                          type="button"
                          className="plain"
                          onClick={() => change({ category: leaf.id, session: undefined }, true)}
                        >
                          {leaf.name}
                        </button>
                      </th>
                      {attacks.map((attack) => {
                        const cell = at.get(`${leaf.id} ${attack}`);
                        const tried = (cell?.hand ?? 0) + (cell?.runs ?? 0);
                        const title = `${leaf.name}, ${words(attack)}: ${cell?.hand ?? 0} by hand, ${cell?.runs ?? 0} in runs, ${cell?.harmful ?? 0} harmful`;
                        return (
                          <td
                            key={attack}
                            title={title}
                            className={
                              tried === 0
                                ? 'none'
                                : (cell?.hand ?? 0) > 0
                                  ? 'hand'
                                  : (cell?.harmful ?? 0) > 0
                                    ? 'bad'
                                    : ''
                            }
                          >
                            {(cell?.hand ?? 0) > 0
                              ? cell!.hand
                              : (cell?.harmful ?? 0) > 0
                                ? cell!.harmful
                                : ''}
                            {tried === 0 ? <span className="visually-hidden">not tried</span> : null}
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

function Begin({ open }: { open: (id: string) => void }) {
  const settings = useApi('GET /api/settings');
  const create = useChange('POST /api/console/sessions');
  const [query, change] = useQueryState();
  const [goal, setGoal] = useState('');
  const [system, setSystem] = useState('');
  const category = query['category'] ?? '';
  const { taxonomy } = settings.data ?? {};
  return (
    <form
      className="card stack"
      onSubmit={(event) => {
        event.preventDefault();
        const name = taxonomy?.leaves.find(({ id }) => id === category)?.name ?? 'Session';
        create.mutate(
          {
            body: {
              title: goal.slice(0, 60) || name,
              goal,
              category,
              ...(system ? { system } : {}),
              author: personName(),
            },
          },
          { onSuccess: ({ subject }) => open(subject) },
        );
      }}
    >
      <h2>Begin a session</h2>
      <div className="row end">
        <label className="field">
          category
          <select
            value={category}
            required
            onChange={(event) => change({ category: event.target.value || undefined })}
          >
            <option value="">choose …</option>
            {taxonomy?.groups.map((group) => (
              <optgroup key={group.id} label={group.name}>
                {taxonomy.leaves
                  .filter((leaf) => leaf.group === group.id)
                  .map((leaf) => (
                    <option key={leaf.id} value={leaf.id}>
                      {leaf.name}
                    </option>
                  ))}
              </optgroup>
            ))}
          </select>
        </label>
        <label className="field grow">
          goal: what the model should not do, in general terms
          <input
            value={goal}
            maxLength={2000}
            onChange={(event) => setGoal(event.target.value)}
            placeholder="for example: praise a crash diet"
          />
        </label>
        <button type="submit" className="primary" disabled={create.isPending}>
          Begin
        </button>
      </div>
      <details>
        <summary>System prompt</summary>
        <textarea
          rows={3}
          value={system}
          maxLength={4000}
          aria-label="System prompt"
          onChange={(event) => setSystem(event.target.value)}
          placeholder="none: as the configuration says"
        />
      </details>
      {category ? (
        <p className="soft">{taxonomy?.leaves.find(({ id }) => id === category)?.definition}</p>
      ) : null}
      {create.isError ? <Problem error={create.error} /> : null}
    </form>
  );
}

export function Console() {
  const [query, change] = useQueryState();
  const meta = useApi('GET /api/console');
  const id = query['session'];
  const open = (session: string | undefined): void =>
    change({ session, turn: undefined, category: undefined }, true);
  return (
    <Page
      wide
      title="Red team"
      lead="Attack the model by hand, as it is and fixed. What breaks becomes a finding that the next round learns from."
      actions={
        id ? (
          <button type="button" onClick={() => open(undefined)}>
            All sessions
          </button>
        ) : null
      }
    >
      {id ? (
        <ChatView key={id} id={id} />
      ) : (
        <>
          <Only needs="red-teamer">
            <Begin open={open} />
          </Only>
          <div className="cards">
            <section className="card">
              <h2>Sessions</h2>
              <Loaded query={meta}>
                {({ sessions }) =>
                  sessions.length === 0 ? (
                    <Empty title="No session yet">
                      <p>Choose a category and begin.</p>
                    </Empty>
                  ) : (
                    <div className="sessions">
                      {sessions.map((each) => (
                        <button key={each.id} type="button" onClick={() => open(each.id)}>
                          {printable(each.session.title || short(each.id), 100)}
                          <br />
                          <small>
                            {words(each.session.category)}, {each.turns} turns, {printable(each.author, 40)}
                          </small>
                        </button>
                      ))}
                    </div>
                  )
                }
              </Loaded>
            </section>
            <section className="card double">
              <h2>What was tried</h2>
              <Coverage />
            </section>
          </div>
          <p className="soft">
            What runs found stands under <Link to="/findings">Findings</Link>.
          </p>
        </>
      )}
    </Page>
  );
}
