/** Settings and help: what is configured, which keys are there (never which), categories, method and words. */
import { useState } from 'react';
import { useApi } from '../api.ts';
import { addressWith, Link } from '../router.tsx';
import { AccountsCard } from '../ui/accounts.tsx';
import { Loaded, Page, Tag, words } from '../ui/parts.tsx';
import { printable } from '../../../src/core/limits.ts';

const METHOD = [
  [
    'Break',
    'A simulated user talks to the target, plainly and within attacks. The judge reads every answer. What is harmful, and what is refused without need, is a finding.',
  ],
  [
    'Fix',
    'Findings become examples: the request, a refusal that fits the category, and what the target said. Benign look-alikes with good answers keep it from refusing all. An adapter is trained with SFT, then DPO; of the candidates that stay useful the one that is surest to keep every limit is chosen, on scenarios kept from training.',
  ],
  [
    'Verify',
    'Sealed scenarios, with prompts and attacks that training never saw, are asked before and after, in the same words. Rates have 95 % intervals; differences are of pairs; the gate says pass, fail or inconclusive.',
  ],
  [
    'What people decide',
    'Examples that you edit or reject, findings that you dismiss, and findings that you make in the console change what the next round is trained on. That is another run then, with an id of its own.',
  ],
] as const;

export function Settings() {
  const settings = useApi('GET /api/settings');
  const [search, setSearch] = useState('');
  const fits = (...texts: string[]): boolean => texts.join(' ').toLowerCase().includes(search.toLowerCase());
  return (
    <Page title="Settings and help" lead="How temper works, what its words mean, and how this store is set.">
      <Loaded query={settings} lines={12}>
        {({ version, directory, config, model, judge, keys, taxonomy, glossary }) => (
          <>
            <section className="card">
              <h2>How it works</h2>
              <dl className="facts">
                {METHOD.map(([name, text]) => (
                  <div key={name} style={{ display: 'contents' }}>
                    <dt>
                      <b>{name}</b>
                    </dt>
                    <dd>{text}</dd>
                  </div>
                ))}
              </dl>
            </section>
            <div className="cards" style={{ marginBottom: 16 }}>
              <section className="card">
                <h2>This store</h2>
                <dl className="facts">
                  <dt>folder</dt>
                  <dd>
                    <code>{printable(directory)}</code>
                  </dd>
                  <dt>target</dt>
                  <dd>
                    {printable(model.name)}{' '}
                    <Tag is={model.present ? 'good' : 'warn'}>
                      {model.present ? 'there' : 'fetched when first asked'}
                    </Tag>
                  </dd>
                  <dt>judge</dt>
                  <dd>{printable(judge.name)}</dd>
                  <dt>version</dt>
                  <dd>{version}</dd>
                  <dt>API</dt>
                  <dd>
                    <a href="/api/openapi.json">OpenAPI document</a>: all that these pages do
                  </dd>
                </dl>
              </section>
              <section className="card">
                <h2>Keys</h2>
                <p className="soft">
                  From the environment of the process, never shown and never stored. The default target and
                  judge need none.
                </p>
                <table>
                  <tbody>
                    {keys.map((key) => (
                      <tr key={key.name}>
                        <td>
                          <code>{key.name}</code>
                          <span className="interval">{key.provider}</span>
                        </td>
                        <td>
                          <Tag is={key.present ? 'good' : key.used ? 'bad' : ''}>
                            {key.present ? 'present' : 'missing'}
                          </Tag>
                          {key.used ? ' used here' : ''}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </section>
            </div>
            <AccountsCard />
            <section className="card">
              <h2>Categories and words</h2>
              <input
                type="search"
                value={search}
                onChange={(event) => setSearch(event.target.value)}
                placeholder="search categories and words"
                aria-label="Search categories and words"
              />
              {taxonomy.groups.map((group) => {
                const leaves = taxonomy.leaves.filter(
                  (leaf) => leaf.group === group.id && fits(leaf.name, leaf.definition, leaf.id),
                );
                if (leaves.length === 0) return null;
                return (
                  <details key={group.id} open={search !== ''}>
                    <summary>
                      {group.name} ({leaves.length})
                    </summary>
                    <dl className="facts">
                      {leaves.map((leaf) => (
                        <div key={leaf.id} style={{ display: 'contents' }}>
                          <dt>
                            <Link to={addressWith('/conversations', { category: leaf.id })}>{leaf.name}</Link>
                          </dt>
                          <dd>
                            {leaf.definition} <span className="soft">Not: {leaf.notViolation}</span>{' '}
                            <small>
                              Azure {leaf.mappings.azure ?? 'none'}, AILuminate {leaf.mappings.ailuminate},
                              HarmBench {words(leaf.mappings.harmbench)}
                            </small>
                          </dd>
                        </div>
                      ))}
                    </dl>
                  </details>
                );
              })}
              <dl className="facts" style={{ marginTop: 12 }}>
                {glossary
                  .filter(({ term, meaning }) => fits(term, meaning))
                  .map(({ term, meaning }) => (
                    <div key={term} style={{ display: 'contents' }}>
                      <dt>
                        <b>{term}</b>
                      </dt>
                      <dd>{meaning}</dd>
                    </div>
                  ))}
              </dl>
            </section>
            <details className="card">
              <summary>Configuration, with every default</summary>
              <pre className="log" style={{ maxHeight: 500 }} tabIndex={0}>
                {JSON.stringify(config, null, 2)}
              </pre>
            </details>
          </>
        )}
      </Loaded>
    </Page>
  );
}
