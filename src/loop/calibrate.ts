/** Judged answers of the store, to draw a sample for people from. */
import type { Drawn, Candidate } from '../calibration/sample.ts';
import { placeOf } from '../calibration/scale.ts';
import type { Texts } from '../calibration/sheet.ts';
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { Metric, Verdict } from '../core/records.ts';
import { embeddedJudge } from '../judges/embedded.ts';
import { judgeModels, judgesWhole } from '../judges/registry.ts';
import { modelIdentity, specOf } from '../models/registry.ts';
import { openDatabase } from '../store/database.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { StoredConversation } from '../store/store.ts';
import { namedTarget } from './named-target.ts';
import { connectionOf, isEmbedded } from './remote-targets.ts';
import { finishedRun } from './run.ts';
import { type RunOptions, storePath } from './workplace.ts';

export interface StoredCandidate extends Candidate {
  readonly judge: string;
  readonly conversation: string;
  readonly turn: number;
}

/** People label answers, one by one. Errors: `config` where the judge's verdicts are on whole conversations. */
export function requireAnswerVerdicts({ judge }: Config, metric: Metric): void {
  if (metric === 'refusal' || !judgesWhole(judge)) return;
  throw new TemperError(
    'config',
    `${judge} judges ${metric} of whole conversations, and sheets are of answers`,
    {
      hint: 'Calibrate rubric:MODEL, or --metric refusal.',
    },
  );
}

/** The answers of a conversation that were judged on the metric, each for itself; none for turns without an answer, or of an invalid one. */
export function* candidatesIn(
  { scenario, conversation, verdicts }: StoredConversation & { readonly verdicts: readonly Verdict[] },
  metric: Metric,
): Generator<StoredCandidate> {
  if (conversation.invalid) return;
  const answered = new Set(
    conversation.turns.flatMap(({ index, finish }) =>
      finish === 'error' || finish === 'blocked' ? [] : [index],
    ),
  );
  for (const verdict of verdicts) {
    if (verdict.scope !== undefined || verdict.metric !== metric || !answered.has(verdict.turn)) continue;
    const probability = verdict.status === 'scored' ? verdict.probability : undefined;
    yield {
      id: verdict.id,
      judge: verdict.judge,
      kind: scenario.kind,
      place: placeOf(metric, verdict),
      ...(probability === undefined ? {} : { probability }),
      conversation: conversation.id,
      turn: verdict.turn,
    };
  }
}

/** Judges with verdicts on the metric in the store, the one whose verdict came last first. */
function judgesOf(config: Config, metric: Metric): string[] {
  using database = openDatabase(storePath(config));
  const rows = database
    .prepare(
      `select judge from verdicts where json_extract(record, '$.metric') = ? group by judge order by max(rowid) desc`,
    )
    .all(metric);
  return rows.map(({ judge }) => judge as string);
}

/**
 * Whether an id is that of the configured judge, by its beginning, as its model is not opened (no key, no download): the surest
 * test first. A rubric judge's is `rubric:provider:model@hash:version`, or `rubric:embedded@hash:version`.
 */
function likenesses(config: Config): ((id: string) => boolean)[] {
  const is = (whole: string) => (id: string) => id === whole;
  const begins = (beginning: string) => (id: string) => id.startsWith(beginning);
  const [name, ...more] = judgeModels(config.judge, config.judges);
  const kind = config.judge.split(':')[0]!;
  if (kind === 'embedded') return [is(embeddedJudge().id), begins('embedded:')];
  if (name === undefined || more.length > 0 || kind !== 'rubric') return [begins(`${kind}:`)];
  const model = namedTarget(config, name)!; // `requireRoles` has seen it
  if (isEmbedded(model)) return [begins('rubric:embedded@')];
  const connection = connectionOf(model);
  const spec = specOf(connection);
  return [begins(`rubric:${modelIdentity(connection)}:`), begins(`rubric:${spec.provider}:${spec.model}@`)];
}

export interface StoredAnswers {
  /** Whose verdicts; null: the configured judge has none. */
  readonly judge: string | null;
  /** Whether it is the only one that the configuration can mean, as it is now. */
  readonly sure: boolean;
  /** Other judges that the configuration may mean as well: the one whose verdict came last was taken. */
  readonly others: readonly string[];
  readonly answers: readonly StoredCandidate[];
}

/**
 * What the configured judge judged: of the sealed conversations of a finished run (both arms), or, without `run`, of all that
 * the store has, for which no model is opened.
 */
export async function storedAnswers(
  config: Config,
  metric: Metric,
  run: string | undefined,
  tools: RunOptions,
): Promise<StoredAnswers> {
  const found: StoredCandidate[] = [];
  if (run !== undefined) {
    const { before, after = [] } = await finishedRun(config, run, tools);
    for (const judged of [...before, ...after]) found.push(...candidatesIn(judged, metric));
  }
  const present =
    run === undefined ? judgesOf(config, metric) : [...new Set(found.map(({ judge }) => judge))];
  const matches = likenesses(config).map((like) => present.filter(like));
  const at = matches.findIndex((ids) => ids.length > 0);
  const [judge = null, ...others] = matches[at] ?? [];
  if (run === undefined && judge !== null) {
    await using store = openSqlite(storePath(config));
    for await (const judged of store.judged(judge)) found.push(...candidatesIn(judged, metric));
  }
  return {
    judge,
    sure: at === 0 && others.length === 0,
    others,
    answers: found.filter((each) => each.judge === judge),
  };
}

/** The same answers with what people read of them. */
export async function withTexts(
  config: Config,
  drawn: readonly Drawn<StoredCandidate>[],
): Promise<(Drawn<StoredCandidate> & Texts)[]> {
  await using store = openSqlite(storePath(config));
  const rows: (Drawn<StoredCandidate> & Texts)[] = [];
  for (const each of drawn) {
    const { scenario, conversation } = (await store.conversation(each.conversation)) as StoredConversation;
    const at = conversation.turns.findIndex(({ index }) => index === each.turn);
    const turn = conversation.turns[at]!;
    const history = conversation.turns
      .slice(0, at)
      .map(({ plain, response }) => `User: ${plain}\nModel: ${response}`)
      .join('\n');
    rows.push({
      ...each,
      history,
      context: scenario.context ?? '',
      request: turn.plain,
      answer: turn.response,
    });
  }
  return rows;
}
