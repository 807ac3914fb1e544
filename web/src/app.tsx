/** The frame: pages by address, the way between them, what works now, keys. */
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from 'react';
import { askFirst } from './conversation-query.ts';
import { progressOf, useLive } from './live.ts';
import { Me } from './me.tsx';
import { setPerson, type Theme, usePerson } from './person.ts';
import { useKeys } from './keys.ts';
import { Link, navigate, usePath } from './router.tsx';
import { PasswordDialog } from './ui/accounts.tsx';
import { Loading, Page, short } from './ui/parts.tsx';
import { Reminder } from './ui/untrusted.tsx';

type Load = () => Promise<() => ReactNode>;
const page = (path: string, name: string, key: string, load: Load) =>
  [path, name, key, lazy(async () => ({ default: await load() })), load] as const;

/** Path, name, the letter after `g`, and the page. */
const PAGES = [
  page('/runs', 'Runs', 'r', async () => (await import('./pages/runs.tsx')).Runs),
  page('/scorecard', 'Scorecard', 's', async () => (await import('./pages/scorecard.tsx')).ScorecardPage),
  page('/compare', 'Compare', 'o', async () => (await import('./pages/compare.tsx')).Compare),
  page(
    '/conversations',
    'Conversations',
    'c',
    async () => (await import('./pages/conversations.tsx')).Conversations,
  ),
  page('/console', 'Red team', 'a', async () => (await import('./pages/console.tsx')).Console),
  page('/findings', 'Findings', 'f', async () => (await import('./pages/findings.tsx')).Findings),
  page('/data', 'Data', 'd', async () => (await import('./pages/data.tsx')).Data),
  page('/training', 'Training', 't', async () => (await import('./pages/training.tsx')).Training),
  page('/labels', 'Labelling', 'l', async () => (await import('./pages/labels.tsx')).Labels),
  page('/settings', 'Settings, help', 'h', async () => (await import('./pages/settings.tsx')).Settings),
] as const;

const HOME = '/scorecard';

/** Asks for the code of the page that is opened first, and for what it shows first, before anything is drawn. */
export function preload({ pathname, search }: { pathname: string; search: string }): void {
  if (pathname === '/conversations') askFirst(search);
  void PAGES.find(([to]) => to === (pathname === '/' ? HOME : pathname))?.[4]().catch(() => {});
}

function Working() {
  const { connected, working, events, indexing } = useLive();
  if (!connected) return <span className="bad">not connected: is temper serve running?</span>;
  if (working) {
    const { phase, stage } = progressOf(events);
    return (
      <Link to="/runs">
        {phase ? `${phase.phase!.number}/${phase.phase!.of} ${phase.stage}` : 'at work'}
        {stage && stage.total > 0 ? `, ${Math.round((stage.done / stage.total) * 100)} %` : ''}
        {working.run ? ` (run ${short(working.run)})` : ''}
      </Link>
    );
  }
  if (indexing.done < indexing.total)
    return (
      <span>
        reading the store: {indexing.done} of {indexing.total}
      </span>
    );
  return <span className="soft">no run at work</span>;
}

function Keys({ open, close }: { open: boolean; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} onClose={close} aria-label="Keys">
      <div className="row spread">
        <h2>Keys</h2>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      <div className="keys">
        {PAGES.map(([, name, letter]) => (
          <KeyLine key={letter} keys={['g', letter]} text={name} />
        ))}
        <KeyLine keys={['/']} text="search" />
        <KeyLine keys={['j', 'k']} text="next and previous: conversation, example, finding" />
        <KeyLine keys={['Enter', 'Esc']} text="open, close" />
        <KeyLine keys={['c', 'x', 'o']} text="finding: confirm, dismiss, open again" />
        <KeyLine keys={['Shift', '→']} text="board of findings: move to the next column" />
        <KeyLine keys={['b']} text="show all texts, or blur them" />
        <KeyLine keys={['Ctrl', 'Enter']} text="console: send" />
        <KeyLine keys={['x']} text="console: record the last answer as a finding" />
        <KeyLine keys={['0', '…', '7', 'u', 's', 'z']} text="labelling: label, cannot tell, skip, back" />
        <KeyLine keys={['e']} text="labelling: an example of each label" />
        <KeyLine keys={['a', 'r', 'e']} text="data: accept, reject, edit" />
        <KeyLine keys={['?']} text="this list" />
      </div>
    </dialog>
  );
}

const KeyLine = ({ keys, text }: { keys: readonly string[]; text: string }) => (
  <>
    <span>
      {keys.map((each) => (
        <kbd key={each}>{each}</kbd>
      ))}
    </span>
    <span>{text}</span>
  </>
);

export function App() {
  const path = usePath();
  const { revealAll, theme } = usePerson();
  const [keys, setKeys] = useState(false);
  const [menu, setMenu] = useState(false);
  const [password, setPassword] = useState(false);
  const waiting = useRef(0);
  const here = PAGES.find(([each]) => path === each || path.startsWith(`${each}/`));
  useEffect(() => {
    if (path === '/') navigate(HOME, { replace: true });
    setMenu(false);
  }, [path]);
  const go: Record<string, () => void> = {};
  for (const [to, , letter] of PAGES)
    go[letter] = () => {
      if (Date.now() - waiting.current > 1500) return;
      waiting.current = 0;
      navigate(to);
    };
  useKeys({
    '?': () => setKeys(true),
    g: () => {
      waiting.current = Date.now();
    },
    b: () => setPerson({ revealAll: !revealAll }),
    ...Object.fromEntries(PAGES.map(([, , letter]) => [`g ${letter}`, () => {}])),
  });
  // The letter after g: heard here alone, so that pages may use the same letters by themselves.
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (waiting.current === 0 || Date.now() - waiting.current > 1500 || event.key === 'g') return;
      if (event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName))
        return;
      const work = go[event.key];
      if (!work) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      work();
    };
    window.addEventListener('keydown', listen, { capture: true });
    return () => window.removeEventListener('keydown', listen, { capture: true });
  });
  const Shown = here?.[3];
  return (
    <div className="app">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className={`side ${menu ? 'open' : ''}`}>
        <Link to={HOME} className="brand">
          <img src="/favicon.svg" alt="" />
          temper
        </Link>
        <button type="button" className="menu" aria-expanded={menu} onClick={() => setMenu(!menu)}>
          {here?.[1] ?? 'Menu'} ▾
        </button>
        <nav aria-label="Pages">
          {PAGES.map(([to, title, letter]) => (
            <Link key={to} to={to} aria-current={here?.[0] === to ? 'page' : undefined}>
              <span>{title}</span>
              <kbd aria-hidden="true">g {letter}</kbd>
            </Link>
          ))}
        </nav>
        <div className="foot">
          <Working />
          <Me password={() => setPassword(true)} />
          <label className="field">
            look
            <select value={theme} onChange={(event) => setPerson({ theme: event.target.value as Theme })}>
              <option value="auto">as the system</option>
              <option value="light">light</option>
              <option value="dark">dark</option>
            </select>
          </label>
          <div className="row">
            <button
              type="button"
              aria-pressed={revealAll}
              onClick={() => setPerson({ revealAll: !revealAll })}
            >
              {revealAll ? 'Blur texts' : 'Show all texts'}
            </button>
            <button type="button" onClick={() => setKeys(true)} aria-label="Keys">
              ?
            </button>
          </div>
        </div>
      </header>
      <div>
        <Reminder />
        {Shown ? (
          <Suspense
            fallback={
              <main id="main">
                <Loading />
              </main>
            }
          >
            <Shown key={here[0]} />
          </Suspense>
        ) : path === '/' ? null : (
          <Page title="No such page">
            <p>
              There is no page at {path}. <Link to={HOME}>To the scorecard</Link>
            </p>
          </Page>
        )}
      </div>
      <Keys open={keys} close={() => setKeys(false)} />
      <PasswordDialog open={password} close={() => setPassword(false)} />
    </div>
  );
}
