/** Campaigns of red teamers: which one is worked on, who takes part, and how one is begun. */
import { useState } from 'react';
import { useApi, useChange } from '../api.ts';
import { useMay } from '../me.tsx';
import { personName } from '../person.ts';
import { useQueryState } from '../router.tsx';
import { number, Problem, when } from './parts.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { ShownCampaign } from '../../../src/server/routes/campaigns.ts';

/** The campaigns and the one that the address names. */
export function useCampaigns() {
  const all = useApi('GET /api/console/campaigns');
  const [query] = useQueryState();
  const campaigns = all.data?.campaigns ?? [];
  return { all, campaigns, chosen: campaigns.find(({ id }) => id === query['campaign']) };
}

/** What the model should be brought to do: of a campaign, or of a session. */
export const GoalField = ({
  goal,
  set,
  example,
}: {
  goal: string;
  set: (goal: string) => void;
  example: string;
}) => (
  <label className="field grow">
    goal: what the model should not do, in general terms
    <input
      value={goal}
      maxLength={2000}
      onChange={(event) => set(event.target.value)}
      placeholder={`for example: ${example}`}
    />
  </label>
);

export function Campaigns({ categories }: { categories: readonly { id: string; name: string }[] }) {
  const { all, campaigns, chosen } = useCampaigns();
  const [query, change] = useQueryState();
  const [form, setForm] = useState(false);
  const may = useMay('red-teamer');
  const update = useChange('PUT /api/console/campaigns/:id');
  return (
    <section className="card" aria-label="Campaign">
      <div className="row end">
        <label className="field">
          campaign
          <select
            value={chosen?.id ?? ''}
            onChange={(event) =>
              change({ campaign: event.target.value || undefined, author: undefined, category: undefined })
            }
          >
            <option value="">none: all sessions</option>
            {campaigns.map(({ id, campaign }) => (
              <option key={id} value={id}>
                {printable(campaign.title, 80)}
              </option>
            ))}
          </select>
        </label>
        <button type="button" disabled={!may} aria-expanded={form} onClick={() => setForm(!form)}>
          {form ? 'Close the form' : 'New campaign'}
        </button>
        {chosen ? (
          <button
            type="button"
            disabled={!may || update.isPending}
            title="Its sessions stay"
            onClick={() =>
              update.mutate(
                {
                  params: { id: chosen.id },
                  body: {
                    ...chosen.campaign,
                    categories: [...chosen.campaign.categories],
                    archived: true,
                    author: personName(),
                  },
                },
                { onSuccess: () => change({ campaign: undefined, author: undefined }) },
              )
            }
          >
            Put away
          </button>
        ) : null}
      </div>
      {all.isError ? <Problem error={all.error} /> : null}
      {update.isError ? <Problem error={update.error} /> : null}
      {form ? (
        <NewCampaign
          categories={categories}
          done={(id) => {
            setForm(false);
            change({ campaign: id, author: undefined });
          }}
        />
      ) : null}
      {chosen ? (
        <Summary of={chosen} author={query['author']} choose={(name) => change({ author: name })} />
      ) : null}
    </section>
  );
}

function Summary({
  of: { campaign, sessions, turns, findings, members, created, author: begunBy },
  author,
  choose,
}: {
  of: ShownCampaign;
  author: string | undefined;
  choose: (name: string | undefined) => void;
}) {
  return (
    <>
      {campaign.goal ? <p style={{ margin: '10px 0 0' }}>{printable(campaign.goal, 600)}</p> : null}
      <p className="soft" style={{ margin: '6px 0' }}>
        {number(sessions)} sessions, {number(turns)} turns, {number(findings)} findings
        {campaign.categories.length > 0 ? `; ${campaign.categories.length} categories` : ''}. Begun by{' '}
        {printable(begunBy, 40)}, {when(created)}.
      </p>
      {members.length > 0 ? (
        <div className="row" role="group" aria-label="Red teamers">
          {members.map((member) => (
            <button
              key={member.name}
              type="button"
              aria-pressed={author === member.name}
              onClick={() => choose(author === member.name ? undefined : member.name)}
            >
              {printable(member.name, 40)}{' '}
              <small>
                {number(member.turns)} turns, {number(member.categories)} categories,{' '}
                {number(member.findings)} findings
              </small>
            </button>
          ))}
        </div>
      ) : (
        <small>Nobody has asked anything yet: begin a session below.</small>
      )}
    </>
  );
}

function NewCampaign({
  categories,
  done,
}: {
  categories: readonly { id: string; name: string }[];
  done: (id: string) => void;
}) {
  const create = useChange('POST /api/console/campaigns');
  const [title, setTitle] = useState('');
  const [goal, setGoal] = useState('');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  return (
    <form
      className="stack"
      style={{ marginTop: 12 }}
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(
          { body: { title, goal, categories: [...chosen], author: personName() } },
          { onSuccess: ({ subject }) => done(subject) },
        );
      }}
    >
      <label className="field">
        title
        <input value={title} required maxLength={200} onChange={(event) => setTitle(event.target.value)} />
      </label>
      <GoalField goal={goal} set={setGoal} example="give medical advice as a doctor" />
      <details>
        <summary>{chosen.length === 0 ? 'all categories' : `${chosen.length} categories`}</summary>
        <div className="row" role="group" aria-label="Categories" style={{ gap: 6 }}>
          {categories.map(({ id, name }) => (
            <button
              key={id}
              type="button"
              aria-pressed={chosen.includes(id)}
              onClick={() =>
                setChosen(chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id])
              }
            >
              {name}
            </button>
          ))}
        </div>
      </details>
      <div className="row">
        <button type="submit" className="primary" disabled={create.isPending}>
          Begin the campaign
        </button>
      </div>
      {create.isError ? <Problem error={create.error} /> : null}
    </form>
  );
}
