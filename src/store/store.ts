/**
 * What temper remembers: records in, queries out. Records are keyed by content hashes, so writing one twice is
 * writing it once, and a run that was killed finds what it had finished. Not owned here: what a stage does, what is
 * counted, what is printed.
 */
import type { Conversation, Finding, Metric, PreferenceExample, Scenario, Verdict } from '../core/records.ts';

export interface RunRecord {
  readonly id: string;
  /** ISO 8601. */
  readonly created: string;
  readonly status: 'running' | 'finished' | 'failed';
  readonly config: unknown;
  /** Of the finished run. */
  readonly scorecard?: unknown;
  /** Folder of the adapter that the run chose. */
  readonly adapter?: string;
  /** ISO 8601. */
  readonly finished?: string;
}

export interface StoredConversation {
  readonly scenario: Scenario;
  readonly conversation: Conversation;
}

/** What people's labels say of a judge on a metric (docs/formats.md); the store reads these fields alone. */
export interface CalibrationRecord {
  readonly judge: string;
  readonly metric: Metric;
  /** ISO 8601. */
  readonly created: string;
}

/** new: found once; confirmed: by replays or a person; dismissed: no weakness; fixed, regressed: what replays said later. */
export const FINDING_STATUSES = ['new', 'confirmed', 'dismissed', 'fixed', 'regressed'] as const;
export type FindingStatus = (typeof FINDING_STATUSES)[number];

/** A finding with what the register says of it. */
export interface RegisteredFinding {
  readonly finding: Finding;
  readonly status: FindingStatus;
  /** `temper`, or `import:FORMAT`. */
  readonly source: string;
  /** Readable name of the group that asks for the same. */
  readonly cluster?: string;
  /** The finding that stands for this one too. */
  readonly duplicateOf?: string;
  /** Times it was asked again, and times it broke then, at the last confirmation. */
  readonly replays: number;
  readonly reproduced: number;
  readonly note?: string;
  /** ISO 8601, of the last change. */
  readonly changed?: string;
}

/** What may change of it; null takes a text away, what is absent stays. */
export interface FindingChange {
  readonly status?: FindingStatus;
  readonly cluster?: string | null;
  readonly duplicateOf?: string | null;
  readonly replays?: number;
  readonly reproduced?: number;
  readonly note?: string | null;
  readonly changed?: string;
}

export interface FindingFilter {
  readonly status?: FindingStatus;
  readonly category?: string;
  readonly kind?: Finding['kind'];
  readonly conversation?: string;
}

/** What a person said of a record, or did by hand. Never changed: a later one of the same kind and subject takes its place. */
export interface Note<T = unknown> {
  /** Hash of all the rest. */
  readonly id: string;
  readonly kind: string;
  /** Id of what it is about. */
  readonly subject: string;
  readonly author: string;
  /** ISO 8601. */
  readonly created: string;
  readonly record: T;
}

/** A record that an id names. */
export interface Match {
  readonly kind:
    | 'run'
    | 'conversation'
    | 'verdict'
    | 'finding'
    | 'dataset'
    | 'example'
    | 'scenario'
    | 'target';
  readonly id: string;
}

/** An example with the datasets that hold it. */
export interface StoredExample {
  readonly example: PreferenceExample;
  readonly datasets: readonly string[];
}

/** What examples are asked for by: they come from it, are in it, or are it. */
export type ExampleOrigin = 'example' | 'dataset' | 'finding' | 'conversation' | 'scenario' | 'target';

export interface Store extends AsyncDisposable {
  saveRun(run: RunRecord): Promise<void>;
  run(id: string): Promise<RunRecord | null>;
  /** Newest first. */
  runs(): Promise<RunRecord[]>;
  latestFinishedRun(): Promise<RunRecord | null>;

  /**
   * A conversation with its scenario and verdicts, in one transaction. One that went another way than the stored one of
   * its id (run again after an error) takes its place, and the verdicts and findings on that go. A verdict
   * of an id that is there takes its place.
   */
  saveConversation(record: StoredConversation, verdicts: readonly Verdict[]): Promise<void>;
  conversation(id: string): Promise<StoredConversation | null>;
  /** Verdicts of a conversation by one judge. */
  verdicts(conversation: string, judge: string): Promise<Verdict[]>;
  /** All conversations with verdicts of a judge, and those, in the order of their ids, read page by page. */
  judged(judge: string): AsyncIterable<StoredConversation & { readonly verdicts: readonly Verdict[] }>;
  /** All conversations with a target, in the order of their ids, read page by page. */
  conversations(target: string): AsyncIterable<StoredConversation>;

  /** What was measured for a run under a name (`verify: before`); added to what is known. */
  saveArm(run: string, arm: string, conversations: readonly string[]): Promise<void>;
  /** Ids of the conversations of each arm of a run. */
  arms(run: string): Promise<ReadonlyMap<string, readonly string[]>>;

  saveNote<T>(note: Omit<Note<T>, 'id'>): Promise<Note<T>>;
  /** Oldest first. */
  notes<T>(kind: string, subject?: string): Promise<Note<T>[]>;

  saveCalibration(record: CalibrationRecord): Promise<void>;
  /** Newest first. */
  calibrations(): Promise<CalibrationRecord[]>;

  /** One that is there stays as it is, with what the register says of it. `source`: default `temper`. */
  saveFindings(findings: readonly Finding[], source?: string): Promise<void>;
  findings(): AsyncIterable<Finding>;
  /** The register, in the order of the ids, read page by page. */
  register(filter?: FindingFilter): AsyncIterable<RegisteredFinding>;
  registered(id: string): Promise<RegisteredFinding | null>;
  /** In one transaction; an id that is not there is passed over. */
  changeFindings(changes: ReadonlyMap<string, FindingChange>): Promise<void>;

  saveDataset(id: string, examples: readonly PreferenceExample[], details: unknown): Promise<void>;
  dataset(id: string): Promise<{ examples: PreferenceExample[]; details: unknown } | null>;
  /** What is said of each dataset, without its examples, in the order of the ids. */
  datasets(): Promise<{ readonly id: string; readonly details: unknown }[]>;

  /** Examples of all datasets, each once, in the order of dataset and position. */
  examplesFrom(origin: ExampleOrigin, id: string): Promise<StoredExample[]>;
  /** All conversations on a scenario, with all verdicts, in the order of their ids. */
  conversationsOn(
    scenario: string,
  ): Promise<(StoredConversation & { readonly verdicts: readonly Verdict[] })[]>;

  /** What an id or the beginning of one may name, a few of each kind; what it names in full, alone. */
  matches(id: string): Promise<Match[]>;
  /**
   * Any record by its id or the beginning of it, with what it came from: run, conversation, verdict, finding, dataset,
   * training example, scenario (by its key as well), target. Errors: `usage` for the beginning of several.
   */
  find(id: string): Promise<Record<string, unknown> | null>;

  /** The result of a finished stage of a run; null if it has not finished. */
  stage(run: string, name: string): Promise<unknown>;
  /** The results of a stage in all runs that finished it. */
  stages(name: string): Promise<{ readonly run: string; readonly result: unknown }[]>;
  finishStage(run: string, name: string, result: unknown): Promise<void>;
}
