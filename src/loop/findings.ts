/** What is done with the register: import, confirmation by replays, the evidence of a finding. */
import type { Config } from '../config/config.ts';
import { TemperError } from '../core/errors.ts';
import type { Finding } from '../core/records.ts';
import { type ExportedFinding, exported } from '../findings/export.ts';
import { findingOf } from '../findings/findings.ts';
import { readResults } from '../findings/imports/read.ts';
import { recordsOf, UNMAPPED } from '../findings/imports/records.ts';
import { statusAfter } from '../findings/triage.ts';
import { judgeConversation } from '../judges/run.ts';
import type { Judged } from '../metrics/conversation.ts';
import type { Target } from '../models/target.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { FindingChange, FindingStatus, RegisteredFinding, Store } from '../store/store.ts';
import { Callers } from './callers.ts';
import { organise } from './register.ts';
import { brokeAgain, evidenceOf, replayed } from './replay.ts';
import { openJudge, requireRoles } from './roles.ts';
import { rememberTarget } from './target-names.ts';
import { type RunOptions, storePath, Workplace } from './workplace.ts';

export interface ImportSettings {
  readonly path: string;
  readonly format?: string | undefined;
  /** Leaf of the taxonomy for what the file names otherwise or not at all. */
  readonly category?: string | undefined;
  readonly limit: number;
  /** Whether the configured judge decides, and not what the file says. */
  readonly judge: boolean;
}

export interface ImportedFindings {
  readonly format: string;
  readonly records: number;
  readonly findings: number;
  /** Of those, not in the register before. */
  readonly added: number;
  /** Answers that are no finding: the target did right. */
  readonly passed: number;
  /** Answers without a verdict. */
  readonly unknown: number;
  readonly passedOver: Readonly<Record<string, number>>;
  /** Findings without a category of the taxonomy. */
  readonly unmapped: number;
  readonly cut: boolean;
}

/** Reads all of a file before it writes anything. Errors: `data`, `usage`, `store`; those of opening a judge. */
export async function importFindings(
  config: Config,
  { path, format: told, category, limit, judge: rejudge }: ImportSettings,
  tools: RunOptions = {},
): Promise<ImportedFindings> {
  const { format, records, cases, passedOver, cut } = await readResults(path, told, limit);
  await using resources = new AsyncDisposableStack();
  if (rejudge) requireRoles(config, ['judge']);
  const store = resources.use(openSqlite(storePath(config)));
  const judge = rejudge
    ? await openJudge(config, resources.use(new Callers(config, tools)), resources)
    : null;
  const findings: Finding[] = [];
  const known = new Set<string>();
  for await (const { finding } of store.register()) known.add(finding.id);
  let passed = 0;
  let unknown = 0;
  for (const [i, each] of cases.entries()) {
    tools.signal?.throwIfAborted();
    const read = recordsOf(each, format, category);
    const verdicts = judge
      ? await judgeConversation(read.conversation, read.scenario, judge, { signal: tools.signal })
      : read.verdicts;
    const judged: Judged = { ...read, verdicts };
    const finding = findingOf(judged, config.curation.harmSeverity);
    tools.emit?.({ type: 'progress', stage: 'import', done: i + 1, total: cases.length, unit: 'answers' });
    if (!finding) {
      const open = verdicts.some(
        ({ metric, status }) => metric === read.scenario.metric && status === 'unscored',
      );
      if (open) unknown++;
      else passed++;
      continue;
    }
    findings.push(finding);
    const name = `${each.target ?? 'unknown'}, as ${format} has it`;
    await rememberTarget(store, { id: read.conversation.target, name });
    await store.saveConversation(read, [...read.verdicts, ...(judge ? verdicts : [])]);
  }
  await store.saveFindings(findings, `import:${format}`);
  await organise(store, config, tools);
  const ids = new Set(findings.map(({ id }) => id));
  return {
    format,
    records,
    findings: ids.size,
    added: [...ids].filter((id) => !known.has(id)).length,
    passed,
    unknown,
    passedOver,
    unmapped: findings.filter((finding) => finding.category === UNMAPPED).length,
    cut,
  };
}

/** A finding by its id or the beginning of it. Errors: `absent`, `usage`. */
export async function findingById(store: Store, text: string): Promise<RegisteredFinding> {
  const found = await store.find(text);
  const entry = found?.['finding'] ? await store.registered((found['finding'] as Finding).id) : null;
  if (entry) return entry;
  throw new TemperError('absent', `there is no finding ${text}`, {
    hint: '`temper findings list` lists them.',
  });
}

/** The register with its evidence, in the order of the ids. */
export async function* evidence(
  store: Store,
  filter: Parameters<Store['register']>[0],
): AsyncGenerator<ExportedFinding> {
  for await (const entry of store.register(filter)) {
    const stored = await store.conversation(entry.finding.conversation);
    if (stored) yield exported(entry, stored);
  }
}

export interface Replayed {
  readonly id: string;
  readonly before: FindingStatus;
  readonly status: FindingStatus;
  readonly replays: number;
  readonly reproduced: number;
  /** Replays whose answers could not be scored: they count as neither. */
  readonly unscored: number;
}

/**
 * Asks the target again what broke it, `replays` times; `need` of them confirm the finding. The first time in the same words;
 * after that, since a greedy target would only repeat itself, with a word of greeting or thanks around the last request.
 */
export async function confirmFindings(
  config: Config,
  ids: readonly string[] | 'new',
  { replays, need }: { readonly replays: number; readonly need: number },
  tools: RunOptions = {},
): Promise<Replayed[]> {
  await using workplace = await Workplace.open(config, tools);
  const { store, emit } = workplace;
  const entries =
    ids === 'new'
      ? (await Array.fromAsync(store.register({ status: 'new' }))).filter((entry) => !entry.duplicateOf)
      : await Promise.all(ids.map((id) => findingById(store, id)));
  const target = await workplace.targets.base();
  const width = Math.max(1, Math.floor(workplace.targets.concurrency / replays));
  const results: Replayed[] = [];
  emit({
    type: 'stage',
    stage: 'replay',
    status: 'start',
    detail: `${entries.length} findings, ${replays} times each`,
  });
  for (let at = 0; at < entries.length; at += width) {
    const slice = entries.slice(at, at + width);
    const settled = await Promise.allSettled(
      slice.map((entry) => replayedTimes(workplace, target, entry, replays, need)),
    );
    const changes = new Map<string, FindingChange>();
    for (const result of settled) {
      if (result.status === 'rejected') continue;
      const { id, status, reproduced, unscored } = result.value;
      results.push(result.value);
      changes.set(id, { status, replays: replays - unscored, reproduced, changed: new Date().toISOString() });
    }
    await store.changeFindings(changes);
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    emit({
      type: 'progress',
      stage: 'replay',
      done: results.length,
      total: entries.length,
      unit: 'findings',
    });
  }
  return results;
}

async function replayedTimes(
  { store, judge, config, tools }: Workplace,
  target: Target,
  { finding, status: before }: RegisteredFinding,
  replays: number,
  need: number,
): Promise<Replayed> {
  const first = await evidenceOf(store, finding);
  const options = { seed: config.seed, target: config.target, signal: tools.signal };
  const outcomes = await Promise.all(
    Array.from({ length: replays }, async (_, sample) => {
      const judged = await replayed(
        { store, judge },
        { finding, first, sample, again: true },
        target,
        options,
      );
      return brokeAgain(judged, finding, config.curation.harmSeverity);
    }),
  );
  const reproduced = outcomes.filter((value) => value === 1).length;
  const unscored = outcomes.filter((value) => value === undefined).length;
  // Nothing is fixed on the word of replays that nobody could score.
  const status = reproduced === 0 && unscored > 0 ? before : statusAfter(before, reproduced, need);
  return { id: finding.id, before, status, replays, reproduced, unscored };
}

/** By a person, without replays. Errors: `absent`, `usage`. */
export async function setStatus(
  store: Store,
  ids: readonly string[],
  status: FindingStatus,
  note: string | undefined,
): Promise<RegisteredFinding[]> {
  const entries = await Promise.all(ids.map((id) => findingById(store, id)));
  const change: FindingChange = {
    status,
    changed: new Date().toISOString(),
    ...(note === undefined ? {} : { note }),
  };
  await store.changeFindings(new Map(entries.map(({ finding }) => [finding.id, change])));
  return entries.map((entry) => ({ ...entry, ...change }) as RegisteredFinding);
}
