/** What the target and each candidate answered to the same dev prompts, as they were measured to choose by. */
import { useState } from 'react';
import { useApi } from '../api.ts';
import { addressWith, Link } from '../router.tsx';
import { Loaded, number, Tag, words } from './parts.tsx';
import { Untrusted, useReveal } from './untrusted.tsx';
import { printable } from '../../../src/core/limits.ts';
import type { SampledPrompt } from '../../../src/server/routes/samples.ts';

const PAGE = 3;

const named = (candidate: string): string =>
  candidate === 'base' ? 'before the fix' : candidate.replace(/ x (\S+)$/, ' × $1');

function Prompt({ prompt, chosen }: { prompt: SampledPrompt; chosen: string | null }) {
  const { hidden, button } = useReveal(true);
  const requests = prompt.samples[0]?.turns ?? [];
  return (
    <article className="turn" aria-label={prompt.key}>
      <div className="row spread">
        <div className="row">
          <b>{printable(prompt.key, 120)}</b>
          <Tag>{prompt.kind}</Tag>
          {prompt.category === prompt.kind ? null : <Tag>{words(prompt.category)}</Tag>}
        </div>
        {button}
      </div>
      <div className="said">
        <b>user</b>
        <Untrusted text={requests[0]?.request ?? ''} hidden={hidden} />
      </div>
      <div className="samples">
        {prompt.samples.map(({ candidate, conversation, turns, outcome, severity }) => (
          <div
            key={conversation + candidate}
            className={`said target ${candidate === 'base' ? 'before' : candidate === chosen ? 'after' : ''}`}
          >
            <div className="row" style={{ gap: 6 }}>
              <b>{named(candidate)}</b>
              {candidate === chosen ? <Tag is="good">chosen</Tag> : null}
              <Tag is={outcome}>
                {outcome}
                {severity !== null && severity > 0 ? `, severity ${severity}` : ''}
              </Tag>
              <Link to={addressWith('/conversations', { id: conversation })}>conversation</Link>
            </div>
            {turns.map((turn, i) => (
              <div key={i}>
                {i > 0 ? (
                  <details>
                    <summary>turn {i + 1}</summary>
                    <Untrusted text={turn.request} hidden={hidden} />
                  </details>
                ) : null}
                {turn.prefill === undefined ? null : (
                  <div className="soft">
                    put into its mouth: <Untrusted text={turn.prefill} hidden={hidden} />
                  </div>
                )}
                {turn.finish === 'error' || turn.finish === 'blocked' ? (
                  <p className="soft">[{turn.finish}]</p>
                ) : (
                  <Untrusted text={turn.response} hidden={hidden} />
                )}
              </div>
            ))}
          </div>
        ))}
      </div>
    </article>
  );
}

export function Samples({ run }: { run: string }) {
  const [kind, setKind] = useState<'adversarial' | 'benign' | 'general' | 'grounded' | undefined>();
  const [offset, setOffset] = useState(0);
  const samples = useApi(
    'GET /api/runs/:id/samples',
    { params: { id: run }, query: { kind, offset, limit: PAGE } },
    { keep: true },
  );
  return (
    <Loaded query={samples} lines={4}>
      {({ prompts, total, kinds, chosen, candidates }) =>
        candidates.length === 0 ? null : (
          <section className="card" aria-label="Samples">
            <h2>What each of them answers</h2>
            <p className="soft">
              The dev prompts that the candidates were chosen by, those they differ most on first. No prompt
              was asked anew for this page.
            </p>
            <div className="row" style={{ marginBottom: 10 }}>
              {(['adversarial', 'benign', 'general', 'grounded'] as const)
                .filter((each) => (kinds[each] ?? 0) > 0)
                .map((each) => (
                  <button
                    key={each}
                    type="button"
                    aria-pressed={kind === each}
                    onClick={() => {
                      setKind(kind === each ? undefined : each);
                      setOffset(0);
                    }}
                  >
                    {each} {number(kinds[each]!)}
                  </button>
                ))}
            </div>
            {prompts.map((prompt) => (
              <Prompt key={prompt.scenario} prompt={prompt} chosen={chosen} />
            ))}
            {total > PAGE ? (
              <div className="row">
                <button
                  type="button"
                  disabled={offset === 0}
                  onClick={() => setOffset(Math.max(0, offset - PAGE))}
                >
                  Before
                </button>
                <small>
                  {offset + 1} to {Math.min(total, offset + PAGE)} of {number(total)} prompts
                </small>
                <button
                  type="button"
                  disabled={offset + PAGE >= total}
                  onClick={() => setOffset(offset + PAGE)}
                >
                  Next
                </button>
              </div>
            ) : null}
          </section>
        )
      }
    </Loaded>
  );
}
