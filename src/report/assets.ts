/** Style and script of the HTML report: inline, so that the file stands alone. The script builds text nodes only. */

export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5f6a74; --page: #fcfcfd; --card: #fff; --line: #dde1e6; --before: #c2703d; --after: #2f7d6b; --good: #1d7a4f; --bad: #b3362b; --mark: #fff3c9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b0; --page: #14171a; --card: #1b1f23; --line: #31373d; --before: #dd9468; --after: #56b39c; --good: #5fc493; --bad: #ec7b70; --mark: #4a3f17; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 20px 80px; }
h1 { font-size: 26px; margin: 8px 0 4px; } h2 { font-size: 18px; margin: 40px 0 8px; }
p, dl { color: var(--soft); margin: 4px 0 12px; max-width: 76ch; } dt { float: left; clear: left; width: 90px; } dd { margin-left: 100px; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; } th, td { padding: 7px 10px 7px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
tr[data-filter], .category { cursor: pointer; } tr[data-filter]:hover, tr[data-filter]:focus { background: var(--mark); outline: none; }
.good { color: var(--good); } .bad { color: var(--bad); } small { color: var(--soft); }
.gate { display: inline-block; padding: 2px 12px; border-radius: 999px; border: 1px solid currentColor; font-weight: 600; } .pass { color: var(--good); } .fail { color: var(--bad); } .inconclusive { color: var(--before); }
svg { width: 100%; height: auto; max-width: 780px; } svg text { fill: var(--ink); font-size: 12px; } svg .tick, svg .axis { fill: var(--soft); font-size: 11px; } svg .grid { stroke: var(--line); }
.before rect { fill: var(--before); } .after rect { fill: var(--after); } .whisker { stroke: var(--ink); stroke-width: 1.2; opacity: .6; } .hit { fill: transparent; } .category:hover .hit, .category:focus .hit { fill: var(--mark); } .category:focus { outline: none; }
.mark circle { fill: var(--soft); } .mark.chosen circle { fill: var(--after); } .mark.outside circle { fill: none; stroke: var(--soft); }
.key span { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin: 0 6px 0 14px; vertical-align: -1px; }
#conversations .bar { position: sticky; top: 0; background: var(--page); padding: 10px 0; display: flex; flex-wrap: wrap; gap: 12px; align-items: center; z-index: 1; border-bottom: 1px solid var(--line); }
button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 4px 12px; cursor: pointer; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; margin: 12px 0; }
article header { display: flex; flex-wrap: wrap; gap: 4px 14px; color: var(--soft); font-size: 13px; }
.arms { display: grid; grid-template-columns: 1fr 1fr; gap: 0 20px; } @media (max-width: 700px) { .arms { grid-template-columns: 1fr; } .arms > * { min-width: 0; } }
.said { white-space: pre-wrap; overflow-wrap: anywhere; margin: 8px 0 0; min-width: 0; } .said b { color: var(--soft); font-weight: 600; font-size: 12px; display: block; }
.verdict { font-size: 12px; color: var(--soft); overflow-wrap: anywhere; }
.blurred .text { filter: blur(5px); user-select: none; } .blurred .text:focus, .blurred .text.shown { filter: none; user-select: auto; }
@media print { .bar button { display: none; } }
`;

export const SCRIPT = `
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const list = document.getElementById('list');
const title = document.getElementById('filter');
const PAGE = 20;
let filter = '', shown = PAGE;
const make = (tag, cls, text) => { const node = document.createElement(tag); if (cls) node.className = cls; if (text !== undefined) node.textContent = text; return node; };
const matches = (item) => filter === '' || item.filters.includes(filter);
function side(name, turns) {
  const box = make('div');
  for (const turn of turns) {
    const user = make('div', 'said'); user.append(make('b', '', 'user' + (turn.attack ? ' (' + turn.attack + ')' : ''))); user.append(make('span', 'text', turn.request));
    const answer = make('div', 'said'); answer.append(make('b', '', name)); const text = make('span', 'text', turn.response); text.tabIndex = 0; answer.append(text);
    box.append(user, answer, make('div', 'verdict', turn.verdict));
  }
  return box;
}
function render() {
  const found = data.items.filter(matches);
  title.textContent = (filter === '' ? 'all' : filter.replace(':', ': ')) + ', ' + found.length + ' of ' + data.items.length;
  list.replaceChildren();
  if (found.length === 0) list.append(make('p', '', 'No conversation in this report belongs here.'));
  for (const item of found.slice(0, shown)) {
    const card = make('article'); const head = make('header');
    for (const part of [item.category, item.kind, item.row, item.id]) if (part) head.append(make('span', '', part));
    const arms = make('div', 'arms'); arms.append(side('before', item.before)); if (item.after) arms.append(side('after', item.after));
    card.append(head, arms); list.append(card);
  }
  if (found.length > shown) { const more = make('button', '', 'Show more'); more.addEventListener('click', () => { shown += PAGE; render(); }); list.append(more); }
}
function choose(value) { filter = value; shown = PAGE; render(); document.getElementById('conversations').scrollIntoView({ behavior: 'smooth' }); }
for (const node of document.querySelectorAll('[data-filter]')) {
  node.addEventListener('click', () => choose(node.dataset.filter));
  node.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); choose(node.dataset.filter); } });
}
document.getElementById('all').addEventListener('click', () => choose(''));
document.getElementById('blur').addEventListener('click', (event) => { const on = list.classList.toggle('blurred'); event.target.textContent = on ? 'Show texts' : 'Blur texts'; });
list.addEventListener('click', (event) => { if (event.target.classList.contains('text')) event.target.classList.toggle('shown'); });
render();
`;
