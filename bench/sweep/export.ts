/**
 * What the sweep learns from and is asked, as tokens: `node bench/sweep/export.ts OUT.json.gz [--apart SUITE.json]`. Requests of dev
 * with their declines; held-out ones; and, apart, those whose prompts stand in another suite file (a former sealed suite, say
 * `git show e7f0c5a:suites/sealed.json`), which no training sees either. What curation drops as a duplicate is dropped here.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { loadConfig } from '../../src/config/config.ts';
import type { Scenario } from '../../src/core/records.ts';
import { rng } from '../../src/core/rng.ts';
import { preferenceExample } from '../../src/curation/example.ts';
import { comparedBy } from '../../src/curation/compared.ts';
import { deduplicate, Firewall } from '../../src/curation/firewall.ts';
import { createWriter } from '../../src/curation/writers.ts';
import { nextRequest } from '../../src/dialogue/simulator.ts';
import { loadModel } from '../../src/engine/model.ts';
import { loadSplits, roundScenarios } from '../../src/loop/scenarios.ts';
import { locateModel } from '../../src/loop/targets.ts';
import { BUILT_IN } from '../../src/scenarios/built-in.ts';
import { loadSuite } from '../../src/scenarios/suite.ts';

/** Longer ones cost the sweep more than they tell it, tokens. */
const LONGEST = 190;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { apart: { type: 'string' } } });
const [out] = positionals;
if (!out) throw new Error('usage: node bench/sweep/export.ts OUT.json.gz [--apart SUITE.json]');
const everything = ['selection.scenarios=100000', 'suites.dev={"adversarial":100000,"benign":100000}'];
const config = loadConfig(undefined, everything);
const { train, unrun, holdout, guarded } = roundScenarios(config, loadSplits(config));
const scenarios = new Map([...train, ...unrun.map(({ scenario }) => scenario)].map((one) => [one.id, one]));
const apartPrompts = new Set(
  values.apart
    ? loadSuite(values.apart).items.flatMap((item) => ('prompt' in item ? [item.prompt] : []))
    : [],
);

const { tokenizer } = loadModel((await locateModel(config.target, config)).path);
const writer = createWriter({ phrases: config.curation.declinePhrases });
const requestOf = (scenario: Scenario): string =>
  nextRequest(scenario, [], false, rng('unrun', config.seed, scenario.id))!.request;
const declines = ({ kind }: Scenario): boolean => kind === 'adversarial' || kind === 'benign';

const examples = [...scenarios.values()].map((scenario) =>
  preferenceExample({
    prompt: [{ role: 'user', content: requestOf(scenario) }],
    chosen: [{ role: 'assistant', content: scenario.id }],
    rejected: [],
    purpose: scenario.kind === 'adversarial' ? 'harm' : 'benign',
    category: scenario.category,
    lineage: { source: 'augmentation', scenario: scenario.id, chosenBy: 'target', rejectedBy: 'none' },
  }),
);
const { kept } = deduplicate(
  new Firewall(guarded).filter(examples).passed,
  comparedBy(({ lineage }) => scenarios.get(lineage.scenario!)),
);

const seen = new Set<string>();
const rows = [
  ...kept.map(({ lineage }) => ['train', scenarios.get(lineage.scenario!)!] as const),
  ...holdout.map((scenario) => ['holdout', scenario] as const),
].flatMap(([split, scenario]) => {
  const request = requestOf(scenario);
  const prompt = tokenizer.encodeChat([{ role: 'user', content: request }]);
  if (prompt.length > LONGEST || seen.has(request)) return [];
  seen.add(request);
  const decline = declines(scenario)
    ? [
        ...tokenizer.encodeText(writer.decline(scenario.category, rng('decline', 0, scenario.id))),
        tokenizer.endOfTurn,
      ]
    : [];
  const where = apartPrompts.has(scenario.objective) ? 'apart' : split;
  return [
    { id: scenario.id, split: where, kind: scenario.kind, attacked: !!scenario.attack, prompt, decline },
  ];
});
const { plain } = JSON.parse(readFileSync(BUILT_IN.prompts('writers'), 'utf8')) as { plain: string[] };
const openings = [...new Set(plain.map((pattern) => pattern.slice(0, pattern.indexOf(' {'))))];
const data = {
  rows,
  openings: openings.map((opening) => tokenizer.encodeText(opening)),
  end: tokenizer.endOfTurn,
};
writeFileSync(out, gzipSync(JSON.stringify(data)));
console.log(
  Object.entries(Object.groupBy(rows, (row) => `${row.split} ${row.kind}${row.attacked ? ' attacked' : ''}`))
    .map(([what, some]) => `${what}: ${some!.length}`)
    .join('\n'),
);
