/** Style and script of the HTML report: inline, so that the file stands alone. The script builds text nodes only. */

export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6670; --page: #fcfcfd; --card: #fff; --line: #dde1e6; --before: #b8632f; --after: #2f7d6b; --good: #1d7a4f; --bad: #b3362b; --mark: #fff3c9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b0; --page: #14171a; --card: #1b1f23; --line: #31373d; --before: #dd9468; --after: #56b39c; --good: #5fc493; --bad: #ec7b70; --mark: #4a3f17; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 24px 20px 80px; }
h1 { font-size: 26px; margin: 8px 0 4px; } h2 { font-size: 18px; margin: 40px 0 8px; }
p, dl { color: var(--soft); margin: 4px 0 12px; max-width: 90ch; overflow-wrap: anywhere; } dl { display: grid; grid-template-columns: 90px 1fr; } dd { margin: 0; min-width: 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; } th, td { padding: 5px 12px 5px 0; line-height: 1.35; border-bottom: 1px solid var(--line); white-space: nowrap; } td.sentence { white-space: normal; }
.good { color: var(--good); } .bad { color: var(--bad); } small { color: var(--soft); } .interval { display: block; }
.gate { display: inline-block; padding: 2px 12px; border-radius: 999px; border: 1px solid currentColor; font-weight: 600; } .pass { color: var(--good); } .fail { color: var(--bad); } .inconclusive { color: var(--before); }
button, select, input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 4px 12px; } button { cursor: pointer; } select, input { width: 100%; min-width: 0; padding: 4px 6px; }
:focus-visible { outline: 2px solid var(--after); outline-offset: 1px; }
button.line { border: 0; background: none; padding: 0; text-align: left; text-decoration: underline; text-decoration-color: var(--line); text-underline-offset: 3px; overflow-wrap: anywhere; } button.line:hover { background: var(--mark); }
.bars { list-style: none; padding: 0; margin: 0; } .bars li { display: grid; grid-template-columns: 200px 1fr 235px; gap: 0 14px; align-items: center; padding: 3px 0; } .bars .scale .plot { grid-column: 2; }
.plot { min-height: 26px; display: flex; flex-direction: column; justify-content: center; gap: 2px; border-right: 1px solid var(--line); background: linear-gradient(to right, var(--line) 1px, transparent 1px) 0 0 / 25% 100%; } .plot > div { position: relative; height: 11px; } .plot .none { color: var(--soft); font-size: 11px; line-height: 11px; padding-left: 6px; }
.fill { position: absolute; inset: 0 auto 0 0; } .whisker { position: absolute; top: 5px; height: 1px; background: var(--ink); opacity: .6; } .plot .before .fill, .key .before { background: var(--before); } .plot .after .fill, .key .after { background: var(--after); }
.scale .plot { position: relative; min-height: 18px; border: 0; background: none; color: var(--soft); font-size: 11px; } .scale span { position: absolute; transform: translateX(-50%); white-space: nowrap; } .scale span:first-child { transform: none; } .scale span:last-child { transform: translateX(-100%); }
.figures { display: grid; font-size: 12px; line-height: 1.3; font-variant-numeric: tabular-nums; } .figures .before { color: var(--before); } .figures .after { color: var(--after); }
.key span { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin: 0 6px 0 0; vertical-align: -1px; } .key span + span { margin-left: 14px; }
svg { display: block; width: 100%; height: auto; max-width: 640px; } svg text { fill: var(--ink); font-size: 12px; font-weight: 600; } svg .tick, svg .axis { fill: var(--soft); font-weight: 400; } svg .grid { stroke: var(--line); } .mark line { stroke: var(--soft); opacity: .5; }
.mark circle { fill: var(--soft); stroke: var(--soft); stroke-width: 1.5; } .mark.chosen circle { fill: var(--after); stroke: var(--after); } .mark.base circle { fill: var(--before); stroke: var(--before); } .mark.outside circle { fill: var(--page); } tr.chosen { font-weight: 600; color: var(--after); } tr.base { color: var(--before); }
table.frontier { width: auto; }
.bar { background: var(--page); padding: 10px 0; border-bottom: 1px solid var(--line); } .filters { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 8px 12px; } .filters label { display: grid; font-size: 12px; color: var(--soft); } .filters select, .filters input { font-size: 14px; color: var(--ink); }
.state { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-top: 10px; } #count { margin-right: auto; }
@media (min-width: 900px) and (min-height: 600px) { .bar { position: sticky; top: 0; z-index: 1; } article, .side { scroll-margin-top: 130px; } }
article { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; margin: 12px 0; }
article header, .side header { display: flex; flex-wrap: wrap; gap: 4px 14px; color: var(--soft); font-size: 13px; align-items: baseline; overflow-wrap: anywhere; } article header button { margin-left: auto; font-size: 13px; padding: 1px 10px; } article header b { color: var(--ink); }
.arms { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 0 24px; } .side { min-width: 0; margin-top: 10px; } .side header { border-bottom: 1px solid var(--line); } .side.before header b { color: var(--before); } .side.after header b { color: var(--after); } .side a { color: inherit; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; margin: 8px 0 0; } .said b { color: var(--soft); font-weight: 600; font-size: 12px; display: block; }
.verdict { font-size: 12px; color: var(--soft); overflow-wrap: anywhere; }
.blurred article:not(.shown) .text { filter: blur(9px); user-select: none; }
@media (max-width: 1100px) {
  .interval { display: inline; } table.stack thead { display: none; } table.stack, table.stack tbody { display: block; } table.stack tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 0 12px; border-bottom: 1px solid var(--line); padding: 8px 0; }
  table.stack td { border: 0; padding: 1px 0; white-space: normal; } table.stack td:first-child, table.stack td.sentence { grid-column: 1 / -1; font-weight: 600; } table.stack td.sentence { font-weight: 400; } table.stack td:not([data-label=""])::before { content: attr(data-label); display: block; color: var(--soft); font-size: 12px; font-weight: 400; } table.stack td:empty { display: none; }
}
@media (max-width: 760px) {
  .bars li { grid-template-columns: 1fr auto; padding: 6px 0; } .bars .plot, .bars .scale .plot { grid-column: 1 / -1; grid-row: 2; } .figures { text-align: right; } .filters .wide { grid-column: 1 / -1; }
}
#list:not(.blurred) .reveal { display: none; }
@media print { .bar, article header button { display: none; } }
`;

/** The filters are the page's address after `#` (`#kind=benign&verdict=refused`); `#ID` is the conversation of that id. */
export const SCRIPT = `
'use strict';
const { items } = JSON.parse(document.getElementById('data').textContent);
const list = document.getElementById('list');
const count = document.getElementById('count');
const controls = [...document.querySelectorAll('.filters select, .filters input')];
const PAGE = 20;
let found = [], shown = PAGE;
const make = (tag, cls, text) => { const node = document.createElement(tag); if (cls) node.className = cls; if (text !== undefined) node.textContent = text; return node; };
const wanted = () => Object.fromEntries(controls.map((control) => [control.id, control.value]));
const sidesOf = (item, arm) => ['before', 'after'].filter((name) => item[name] && (!arm || arm === name));
/** The conversation in lower case, for the search; made when first asked for. */
const words = (item, name) => item[name].words ??= [item.key, item.category, item.attack, item[name].id, ...item[name].turns.flatMap((turn) => [turn.request, turn.plain, turn.prefill, turn.response])].join('\\n').toLowerCase();
function matches(item, { arm, kind, row, category, verdict }, text) {
  if (kind && item.kind !== kind || row && item.row !== row || category && item.category !== category) return false;
  return sidesOf(item, arm).some((name) => (!verdict || item[name].outcomes.includes(verdict)) && (!text || words(item, name).includes(text)));
}
function said(who, text) { const box = make('div', 'said'); box.append(make('b', '', who), make('span', 'text', text)); return box; }
function side(item, name, alone) {
  const { id, outcomes, turns } = item[name];
  const box = make('div', 'side ' + name); box.id = id;
  const head = make('header'); head.append(make('b', '', alone ? 'conversation' : name + ' the fix'));
  for (const outcome of outcomes) head.append(make('span', { right: 'good', harmful: 'bad', wrong: 'bad' }[outcome], outcome));
  const link = make('a', '', id); link.setAttribute('href', '#' + id); link.title = 'link to this conversation'; head.append(link);
  box.append(head);
  for (const turn of turns) {
    box.append(said('user', turn.request));
    if (turn.plain !== undefined) box.append(said('the same in plain words', turn.plain));
    if (turn.prefill !== undefined) box.append(said("put into the target's mouth", turn.prefill));
    box.append(said('target', turn.response), make('div', 'verdict', turn.verdict));
  }
  return box;
}
function card(item, arm) {
  const node = make('article'), head = make('header');
  head.append(make('b', '', item.key), make('span', '', item.kind));
  if (item.category !== item.kind) head.append(make('span', '', item.category));
  if (item.row) head.append(make('span', '', 'row: ' + item.row));
  if (item.attack) head.append(make('span', '', 'attack: ' + item.attack));
  if (item.accept) head.append(make('span', '', 'accepted: ' + item.accept.join(' | ')));
  const reveal = make('button', 'reveal', 'Show'); reveal.setAttribute('aria-label', 'Show the texts of ' + item.key);
  reveal.addEventListener('click', () => { reveal.textContent = node.classList.toggle('shown') ? 'Blur' : 'Show'; }); head.append(reveal);
  const arms = make('div', 'arms'), sides = sidesOf(item, arm);
  arms.append(...sides.map((name) => side(item, name, !item.after && !document.getElementById('arm'))));
  node.append(head, arms); return node;
}
function tell() {
  const cases = items.length === 1 ? ' test case' : ' test cases';
  count.textContent = found.length + ' of ' + items.length + cases + (found.length > shown ? ', the first ' + shown + ' shown' : '');
}
function more(from) {
  const { arm } = wanted();
  list.append(...found.slice(from, shown).map((item) => card(item, arm)));
  if (found.length > shown) { const button = make('button', '', 'Show ' + Math.min(PAGE, found.length - shown) + ' more'); button.addEventListener('click', () => { button.remove(); shown += PAGE; more(shown - PAGE); list.children[shown - PAGE].querySelector('button').focus(); }); list.append(button); }
  tell();
}
function render() {
  const filter = wanted(), text = filter.text.trim().toLowerCase();
  found = items.filter((item) => matches(item, filter, text)); shown = PAGE;
  list.replaceChildren();
  if (found.length === 0) list.append(make('p', '', items.length === 0 ? 'This report holds no conversations.' : 'No conversation matches these filters. Reset them, or choose fewer.'));
  more(0);
}
function remember() {
  const filter = Object.entries(wanted()).filter(([, value]) => value !== '');
  history.replaceState(null, '', '#' + (filter.length > 0 ? new URLSearchParams(filter) : 'conversations'));
}
function set(filter) {
  for (const control of controls) { control.value = filter[control.id] ?? ''; if (control.selectedIndex === -1) control.value = ''; }
  render();
}
function choose(filter) { set(filter); remember(); document.getElementById('conversations').scrollIntoView(); count.focus({ preventScroll: true }); }
function follow() {
  const hash = location.hash.slice(1);
  if (hash === '' || hash === 'conversations') { set({}); return; }
  set(hash.includes('=') ? Object.fromEntries(new URLSearchParams(hash)) : { text: new URLSearchParams('text=' + hash).get('text') });
  (document.getElementById(hash) ?? document.getElementById('conversations')).scrollIntoView();
}
let waiting;
for (const control of controls) control.addEventListener('input', () => { clearTimeout(waiting); waiting = setTimeout(() => { render(); remember(); }, control.id === 'text' ? 200 : 0); });
for (const node of document.querySelectorAll('[data-filter]')) node.addEventListener('click', () => choose(JSON.parse(node.dataset.filter)));
document.getElementById('reset').addEventListener('click', () => { set({}); remember(); });
document.getElementById('blur').addEventListener('click', ({ target }) => { const on = list.classList.toggle('blurred'); target.setAttribute('aria-pressed', String(!on)); target.textContent = on ? 'Show texts' : 'Blur texts'; });
window.addEventListener('hashchange', follow);
follow();
`;
