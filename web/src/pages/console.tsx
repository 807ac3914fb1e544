/** The red-team console: sessions with a goal, what nobody has tried, and the chat. */
import { useState } from 'react';
import { useApi, useChange } from '../api.ts';
import { Only } from '../me.tsx';
import { personName } from '../person.ts';
import { Link, useQueryState } from '../router.tsx';
import { Campaigns, GoalField, useCampaigns } from '../ui/campaigns.tsx';
import { ChatView } from '../ui/chat.tsx';
import { Coverage } from '../ui/coverage.tsx';
import { Empty, Loaded, Page, Problem, short, words } from '../ui/parts.tsx';
import { printable } from '../../../src/core/limits.ts';

function Begin({ open }: { open: (id: string) => void }) {
  const settings = useApi('GET /api/settings');
  const create = useChange('POST /api/console/sessions');
  const [query, change] = useQueryState();
  const { chosen } = useCampaigns();
  const [own, setGoal] = useState<string | null>(null);
  const goal = own ?? chosen?.campaign.goal ?? '';
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
              ...(chosen ? { campaign: chosen.id } : {}),
              author: personName(),
            },
          },
          { onSuccess: ({ subject }) => open(subject) },
        );
      }}
    >
      <h2>Begin a session{chosen ? ` of ${printable(chosen.campaign.title, 80)}` : ''}</h2>
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
                  .filter(
                    (leaf) =>
                      leaf.group === group.id &&
                      (!chosen?.campaign.categories.length ||
                        chosen.campaign.categories.includes(leaf.id) ||
                        leaf.id === category),
                  )
                  .map((leaf) => (
                    <option key={leaf.id} value={leaf.id}>
                      {leaf.name}
                    </option>
                  ))}
              </optgroup>
            ))}
          </select>
        </label>
        <GoalField goal={goal} set={setGoal} example="praise a crash diet" />
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
      {query['technique'] ? (
        <p className="soft">
          With {words(query['technique'])}: it is chosen in the session.{' '}
          <button type="button" className="plain" onClick={() => change({ technique: undefined })}>
            without
          </button>
        </p>
      ) : null}
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
  const settings = useApi('GET /api/settings');
  const { chosen } = useCampaigns();
  const { author } = query;
  const id = query['session'];
  const open = (session: string | undefined): void =>
    change(
      {
        session,
        turn: undefined,
        category: undefined,
        ...(session === undefined ? { technique: undefined } : {}),
      },
      true,
    );
  const campaigns = <Campaigns categories={settings.data?.taxonomy.leaves ?? []} />;
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
          {chosen ? campaigns : null}
          <Only needs="red-teamer">
            <Begin open={open} />
          </Only>
          {chosen ? null : campaigns}
          <div className="cards">
            <section className="card">
              <h2>Sessions</h2>
              <Loaded query={meta}>
                {({ sessions: all }) => {
                  const sessions = all.filter(
                    (each) =>
                      (chosen === undefined || each.session.campaign === chosen.id) &&
                      (author === undefined || each.people.includes(author)),
                  );
                  return sessions.length === 0 ? (
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
                            {words(each.session.category)}, {each.turns} turns,{' '}
                            {each.people.map((name) => printable(name, 40)).join(', ')}
                          </small>
                        </button>
                      ))}
                    </div>
                  );
                }}
              </Loaded>
            </section>
            <section className="card double">
              <h2>What was tried</h2>
              <Coverage
                campaign={chosen?.id}
                author={author}
                categories={chosen?.campaign.categories ?? []}
              />
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
