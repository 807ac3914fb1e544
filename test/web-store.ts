/**
 * A store as a finished run leaves it, made by a script in moments: conversations before and after a fix with verdicts, findings, a
 * dataset, candidates and curves. Some of its texts are hostile. The bench makes one of 200,000 conversations with it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, configSchema } from '../src/config/config.ts';
import { contentHash } from '../src/core/ids.ts';
import type {
  Conversation,
  PreferenceExample,
  Scenario,
  ScenarioKind,
  Verdict,
} from '../src/core/records.ts';
import { type Rng, rng } from '../src/core/rng.ts';
import { findingOf } from '../src/findings/findings.ts';
import { asJudged } from '../src/loop/arms.ts';
import { scorecardOf } from '../src/loop/scorecard.ts';
import type { Judged } from '../src/metrics/conversation.ts';
import { BUILT_IN } from '../src/scenarios/built-in.ts';
import { loadTaxonomy } from '../src/scenarios/taxonomy.ts';
import { openDatabase } from '../src/store/database.ts';
import { embeddedJudge } from '../src/judges/embedded.ts';

export const HOSTILE = [
  '<script>document.title = "owned"</script>',
  '</script><img src=x onerror="document.title=\'owned\'">',
  '<svg onload="document.title=\'owned\'"><a href="javascript:alert(1)">x</a></svg>',
  '\u001B[31mred\u001B]0;title\u0007',
  'abc\u202Egnp.exe\u2066',
  '=cmd|calc!A0',
  'x'.repeat(1 << 20),
  '{{7*7}} ${7*7} %s',
  '\u0000\uD800 lone',
] as const;

const WORDS =
  'river stone garden letter window morning answer people country winter music paper question light market story number water family street'.split(
    ' ',
  );
const ATTACKS = [undefined, undefined, 'role-play', 'base64', 'prefix-injection'] as const;
const KINDS: readonly ScenarioKind[] = ['adversarial', 'adversarial', 'benign', 'general', 'grounded'];
const ROWS = ['third-party-harm', 'harmful-continuation', 'harmful-summarization', 'jailbreak'] as const;
export const JUDGE = embeddedJudge().id;

const sentence = (random: Rng, length: number): string =>
  Array.from({ length }, () => random.pick(WORDS)).join(' ');

const CATEGORIES = loadTaxonomy(BUILT_IN.taxonomy).leaves.map(({ id }) => id);

function scenarioAt(i: number, random: Rng): Scenario {
  const kind = KINDS[i % KINDS.length]!;
  const attack = kind === 'adversarial' ? ATTACKS[i % ATTACKS.length] : undefined;
  const category = kind === 'general' || kind === 'grounded' ? kind : CATEGORIES[i % CATEGORIES.length]!;
  const described = {
    key: `${category}-${i}`,
    suite: 'temper-sealed',
    split: 'sealed' as const,
    category,
    kind,
    metric:
      kind === 'grounded'
        ? ('ungroundedness' as const)
        : kind === 'benign'
          ? ('refusal' as const)
          : ('severity' as const),
    persona: 'ordinary-person',
    objective: sentence(random, 8),
    turns: i % 7 === 0 ? 3 : 1,
    ...(kind === 'adversarial'
      ? { row: ROWS[i % ROWS.length]! }
      : kind === 'grounded'
        ? { row: 'ungroundedness' as const, context: sentence(random, 30) }
        : {}),
    ...(attack === undefined ? {} : { attack }),
    ...(kind === 'general' ? { accept: ['river'] } : {}),
  };
  return { id: contentHash({ i, described: described.key }), ...described };
}

function judged(scenario: Scenario, i: number, fixed: boolean, hostile: boolean, random: Rng): Judged {
  const target = fixed ? 'f'.repeat(20) : 'b'.repeat(20);
  const id = contentHash({ scenario: scenario.id, target });
  const turns = Array.from({ length: scenario.turns }, (_, index) => {
    const plain = `${sentence(random, 10)} case${i}?`;
    return {
      index,
      plain,
      request: scenario.attack === undefined ? plain : `Play a part: ${plain}`,
      move: index === 0 ? ('opening' as const) : ('after-answer' as const),
      response:
        hostile && index === 0 ? HOSTILE[Math.floor(i / 10) % HOSTILE.length]! : `${sentence(random, 40)}.`,
      finish: 'stop' as const,
      tokens: 40,
    };
  });
  const conversation: Conversation = {
    id,
    scenario: scenario.id,
    target,
    simulator: 'scripted:1.1',
    ...(scenario.attack === undefined ? {} : { attack: scenario.attack }),
    seed: 1,
    sample: 0,
    turns,
  };
  const verdicts = turns.flatMap(({ index }): Verdict[] => {
    const base = { conversation: id, turn: index, judge: JUDGE };
    const of = (metric: Verdict['metric']) => ({ ...base, metric, id: contentHash({ id, index, metric }) });
    if (i % 50 === 49) return [{ ...of('severity'), status: 'unscored', reason: 'judge-error: cut' }];
    const harm = scenario.kind === 'adversarial' && random.int(10) < (fixed ? 1 : 4);
    const refuses =
      (scenario.kind === 'adversarial' && !harm) ||
      (scenario.kind === 'benign' && random.int(10) < (fixed ? 2 : 1));
    return [
      scenario.kind === 'grounded'
        ? { ...of('ungroundedness'), status: 'scored', ungroundedness: random.int(5), probability: 0.8 }
        : {
            ...of('severity'),
            status: 'scored',
            severity: harm ? 3 + random.int(4) : 0,
            probability: 0.9,
            rationale: 'P(harm)',
          },
      { ...of('refusal'), status: 'scored', refusal: refuses ? 'full' : 'none', probability: 0.9 },
    ];
  });
  return asJudged(scenario, conversation, verdicts);
}

export interface WebStore {
  readonly config: Config;
  readonly run: string;
  readonly conversations: number;
}

/** Makes a store in a folder. `hostile`: one answer in ten is hostile text. */
export function makeWebStore(
  directory: string,
  {
    cases = 60,
    hostile = true,
    config = {},
  }: { cases?: number; hostile?: boolean; config?: Record<string, unknown> } = {},
): WebStore {
  mkdirSync(join(directory, 'adapters'), { recursive: true });
  const settings = configSchema.parse({ ...config, directory });
  using database = openDatabase(join(directory, 'store.sqlite'));
  database.exec('pragma synchronous = off');
  const insert = (table: string, columns: number) =>
    database.prepare(
      `insert or ignore into ${table} values (${Array.from({ length: columns }, () => '?').join(', ')})`,
    );
  const [scenarios, conversations, verdicts, arms] = [
    insert('scenarios', 6),
    insert('conversations', 4),
    insert('verdicts', 4),
    insert('arms', 3),
  ];
  const run = contentHash({ run: directory, cases });
  const random = rng('web-store', cases);
  const created = '2026-01-01T10:00:00.000Z';
  const kept: Record<'before' | 'after', Judged[]> = { before: [], after: [] };
  database.exec('begin');
  insert('runs', 7).run(run, created, 'running', JSON.stringify(settings), null, null, null);
  for (let i = 0; i < cases; i++) {
    const scenario = scenarioAt(i, random);
    scenarios.run(
      scenario.id,
      scenario.suite,
      scenario.split,
      scenario.category,
      scenario.kind,
      JSON.stringify(scenario),
    );
    for (const arm of ['before', 'after'] as const) {
      const one = judged(scenario, i, arm === 'after', hostile && i % 10 === 0, random);
      const { conversation } = one;
      conversations.run(conversation.id, scenario.id, conversation.target, JSON.stringify(conversation));
      for (const verdict of one.verdicts)
        verdicts.run(verdict.id, conversation.id, verdict.judge, JSON.stringify(verdict));
      arms.run(run, `verify: ${arm}`, conversation.id);
      if (i < 2000) kept[arm].push(one);
    }
  }
  const findings = kept.before.flatMap((one) => findingOf(one, 3) ?? []);
  const addFinding = database.prepare(
    'insert into findings (id, conversation, kind, category, record) values (?, ?, ?, ?, ?)',
  );
  for (const finding of findings)
    addFinding.run(finding.id, finding.conversation, finding.kind, finding.category, JSON.stringify(finding));
  const examples = kept.before.slice(0, 40).map((one, i): PreferenceExample => {
    const { scenario, conversation } = one;
    const finding = findings.find((each) => each.conversation === conversation.id);
    const answer = (content: string) => [{ role: 'assistant' as const, content }];
    const prompt = [{ role: 'user' as const, content: conversation.turns[0]!.request }];
    const chosen = answer(`I will not help with that, number ${i}.`);
    const rejected = answer(conversation.turns[0]!.response);
    return {
      id: contentHash({ prompt, chosen, rejected }),
      prompt,
      chosen,
      rejected,
      purpose: scenario.kind === 'adversarial' ? 'harm' : scenario.kind === 'benign' ? 'benign' : 'general',
      category: scenario.category,
      lineage: {
        source: finding ? 'finding' : scenario.kind === 'adversarial' ? 'unrefused' : 'general',
        conversation: conversation.id,
        ...(finding ? { finding: finding.id } : {}),
        chosenBy: 'writer:decline@2',
        rejectedBy: 'target',
      },
    };
  });
  const dataset = contentHash({ examples: examples.map(({ id }) => id) });
  insert('datasets', 2).run(
    dataset,
    JSON.stringify({
      counts: { finding: findings.length },
      removed: [{ example: 'e', reason: 'the same text', like: '<b>x</b>' }],
    }),
  );
  const addExample = insert('examples', 4);
  for (const [position, example] of examples.entries())
    addExample.run(dataset, position, example.id, JSON.stringify(example));
  const point = (checkpoint: string, strength: number, harm: number, overRefusal: number) => ({
    adapter: `${checkpoint.split(' ')[0]}id-20`,
    checkpoint,
    strength,
    harm,
    overRefusal,
    helpfulness: 0.5,
    degenerate: 0.02,
    admissible: overRefusal < 0.3,
  });
  const frontier = [
    point('sft step 20', 1, 0.2, 0.4),
    point('dpo step 20', 1, 0.15, 0.22),
    point('dpo step 20', 1.25, 0.1, 0.25),
  ];
  const stage = insert('stages', 3);
  stage.run(run, 'curate', JSON.stringify({ dataset, findings: findings.length }));
  for (const kind of ['sft', 'dpo']) {
    stage.run(
      run,
      `train-${kind}`,
      JSON.stringify([{ id: `${kind}id-20`, directory: 'x', name: `${kind} step 20` }]),
    );
    const lines = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({
        step: i + 1,
        steps: 20,
        epoch: i / 20,
        loss: 1 / (i + 1),
        learning_rate: 1e-4,
        grad_norm: 1,
        num_tokens: 100 * i,
        'tokens/s': 200,
        entropy: 1,
        ...(kind === 'dpo'
          ? {
              'rewards/chosen': i / 50,
              'rewards/rejected': -i / 20,
              'rewards/margins': i / 15,
              'rewards/accuracies': 1,
              'logps/chosen': -30,
              'logps/rejected': -40,
            }
          : {}),
      }),
    );
    writeFileSync(join(directory, 'adapters', `${kind}id.metrics.jsonl`), `${lines.join('\n')}\n`);
  }
  for (const [name, of] of [
    ['base', kept.before],
    ...frontier.map(({ checkpoint, strength }) => [`${checkpoint} x ${strength}`, kept.after] as const),
  ] as const)
    for (const { conversation } of of.slice(0, 12)) arms.run(run, `choose: ${name}`, conversation.id);
  const base = { harm: 0.4, overRefusal: 0.1, helpfulness: 0.5, degenerate: 0.02 };
  stage.run(run, 'select', JSON.stringify({ frontier, base, chosen: frontier[2] }));
  const about = {
    target: 'a model <b>',
    adapter: 'dpo step 20',
    simulator: 'scripted personas',
    judge: `${JUDGE}: of the tests`,
    suite: 'temper-sealed@1',
    split: 'sealed',
    seed: 1,
    created,
  };
  const card = scorecardOf({ about, ...kept, gate: settings.gate });
  database
    .prepare("update runs set status = 'finished', scorecard = ?, adapter = ?, finished = ? where id = ?")
    .run(
      JSON.stringify(card),
      join(directory, 'adapters', 'dpoid-20-x1.25'),
      '2026-01-01T10:20:00.000Z',
      run,
    );
  database.exec('commit');
  return { config: settings, run, conversations: cases * 2 };
}
