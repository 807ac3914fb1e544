/**
 * The records that every stage shares (vocabulary: docs/concepts.md). A record is immutable and named by a
 * content hash of what determines it.
 */

export type Role = 'system' | 'user' | 'assistant';

export interface Message {
  readonly role: Role;
  readonly content: string;
}

export type Split = 'dev' | 'regression' | 'sealed';

/**
 * adversarial: the user wants harm; benign: a look-alike of it with harmless intent; grounded: questions about a
 * context document; general: ordinary helpfulness, no relation to harm.
 */
export type ScenarioKind = 'adversarial' | 'benign' | 'grounded' | 'general';

/** The five rows of the Phi-3 report's Table 1. */
export const RAI_ROWS = [
  'ungroundedness',
  'third-party-harm',
  'harmful-continuation',
  'harmful-summarization',
  'jailbreak',
] as const;
export type RaiRow = (typeof RAI_ROWS)[number];

export type Metric = 'refusal' | 'severity' | 'ungroundedness';

/** How an answer is found right or wrong by program. */
export type Check =
  /** IFEval: every instruction must be followed. */
  | {
      readonly kind: 'instructions';
      readonly instructions: readonly {
        readonly id: string;
        readonly arguments: Readonly<Record<string, unknown>>;
      }[];
    }
  /**
   * One of several options is right. `letter`: the request lists them, and the letter is the answer; `text`: each is an
   * answer of its own, and the likeliest counts.
   */
  | {
      readonly kind: 'choice';
      readonly by: 'letter' | 'text';
      readonly options: readonly string[];
      /** Index of the right one. */
      readonly answer: number;
    };

/** Of scenarios whose words are not the simulator's to change. */
export const VERBATIM = 'verbatim';

/** One test case. */
export interface Scenario {
  /** Hash of everything below but `key`. */
  readonly id: string;
  /** Readable and unique within its suite, for people. */
  readonly key: string;
  readonly suite: string;
  readonly split: Split;
  /** Leaf of the taxonomy, or `grounded` / `general` for the kinds that have none. */
  readonly category: string;
  readonly kind: ScenarioKind;
  /** The RAI row that this scenario counts towards, if any. */
  readonly row?: RaiRow;
  readonly metric: Metric;
  readonly persona: string;
  /** What the user wants, in general terms; the simulator words it. */
  readonly objective: string;
  /** Most user turns; 1 = single turn. */
  readonly turns: number;
  /** Document that the conversation is about. */
  readonly context?: string;
  /** Attack (a key of the attack registry) that carries the request; absent = asked plainly. */
  readonly attack?: string;
  /** Family of that attack; a family is in `dev` or `sealed`, never in both. */
  readonly attackFamily?: string;
  /** For `general` items: the answer is right if it contains one of these (case-insensitive). */
  readonly accept?: readonly string[];
  /** For `general` items: another check than `accept`. */
  readonly check?: Check;
  /** Key of the scenario that it mirrors (adversarial <-> benign look-alike). */
  readonly partner?: string;
  /** Attack that carries the first message alone: the variant of another scenario. */
  readonly prefix?: string;
  /** Id of the scenario that it is a variant of: both are worded by the same random numbers. */
  readonly variantOf?: string;
  /** Of its texts, where they are translated: `de`. */
  readonly language?: string;
}

/** One exchange of a conversation. */
export interface Turn {
  /** 0-based. */
  readonly index: number;
  /** What the target received as the user's message, after converters and templates. */
  readonly request: string;
  /** The same request in plain words, before converters and templates. */
  readonly plain: string;
  /** Why the simulator said it: opening, follow-up after a refusal, follow-up after an answer. */
  readonly move: 'opening' | 'after-refusal' | 'after-answer';
  readonly response: string;
  /** The beginning of the answer that was put into the target's mouth; `response` is what it said after it. */
  readonly prefill?: string;
  /** `error` and `blocked` carry no response of the target; judges return `unscored` for them. */
  readonly finish: 'stop' | 'length' | 'error' | 'blocked';
  /** Generated tokens. */
  readonly tokens: number;
  /** What went wrong, or why a filter of the provider stopped it. */
  readonly error?: string;
}

/** Why the user's side of a conversation is none, so that nothing of it can be counted. */
export interface InvalidSimulation {
  /**
   * A call that failed, a filter, a refusal, the assistant's role, a repetition, leaked instructions, no usable reply, nothing
   * about what the scenario is about.
   */
  readonly kind:
    | 'error'
    | 'blocked'
    | 'refused'
    | 'role'
    | 'repeated'
    | 'leaked'
    | 'malformed'
    | 'off-category';
  /** Of the message that was not sent, 0-based; the number of turns where none was to come. */
  readonly turn: number;
  readonly reason: string;
}

/** What a search asked in all, of which its conversation shows one line. */
export interface SearchRecord {
  /** Messages sent to the target, those that were taken back or cut off among them. */
  readonly queries: number;
  /** Refused messages that were taken back. */
  readonly backtracks: number;
  /** Answers that the judge could not score. */
  readonly unscored: number;
}

export interface Conversation {
  /** Hash of scenario, target, simulator, attack, system prompt, seed, sample index, and of the program's version. */
  readonly id: string;
  readonly scenario: string;
  /** Identity of the target (model, adapter, strength, decoding). */
  readonly target: string;
  readonly simulator: string;
  readonly attack?: string;
  readonly seed: number;
  readonly sample: number;
  readonly system?: string;
  /** Messages before the first turn that the attacker made up: the target is shown them, nobody has said them. */
  readonly madeUp?: readonly Message[];
  readonly turns: readonly Turn[];
  /** Of a search (strategies): this is the line of it that went furthest. */
  readonly search?: SearchRecord;
  /** Set where a model that plays the user failed at it: every verdict on the conversation is unscored. */
  readonly invalid?: InvalidSimulation;
}

export type Refusal = 'full' | 'partial' | 'none';

interface VerdictBase {
  /** Hash of conversation, turn (where it is on one), judge and judge version, metric. */
  readonly id: string;
  readonly conversation: string;
  /** Turn judged; of a verdict on the whole conversation that of the answer that counts most, or the last. */
  readonly turn: number;
  /** The verdict is on all answers together, and on no single one. */
  readonly scope?: 'conversation';
  readonly metric: Metric;
  /** `kind:version` of the judge. */
  readonly judge: string;
}

export interface ScoredVerdict extends VerdictBase {
  readonly status: 'scored';
  readonly refusal?: Refusal;
  /** 0 (none) to 7 (extreme). */
  readonly severity?: number;
  /** 0 (fully grounded) to 4 (not grounded). */
  readonly ungroundedness?: number;
  /** The judge's probability of the score it gave, 0 to 1. */
  readonly probability?: number;
  /** The answer is empty, repeats itself, copies the prompt or babbles: neither harm nor a refusal. */
  readonly degenerate?: boolean;
  readonly rationale?: string;
}

export interface UnscoredVerdict extends VerdictBase {
  readonly status: 'unscored';
  readonly reason: string;
}

/** Never a boolean: what was not scored is counted as unscored and as nothing else. */
export type Verdict = ScoredVerdict | UnscoredVerdict;

export type FindingKind = 'harm' | 'over-refusal';

export interface Finding {
  /** Hash of kind, conversation, turn and verdict. */
  readonly id: string;
  readonly kind: FindingKind;
  readonly conversation: string;
  readonly scenario: string;
  readonly verdict: string;
  /** The turn where it broke first. */
  readonly turn: number;
  readonly category: string;
  readonly attack?: string;
  /** 0-7, for harm. */
  readonly severity?: number;
}

/** Where a preference example comes from. */
export interface Lineage {
  /** finding | unrefused | declined | augmentation | look-alike | over-refusal | general | import (docs/concepts.md) */
  readonly source: string;
  readonly scenario?: string;
  readonly conversation?: string;
  readonly verdict?: string;
  readonly finding?: string;
  /** For imports: file and row. */
  readonly file?: string;
  readonly row?: number;
  /** Who wrote `chosen`: `target`, `writer:<name>@<version>`, `reviser:<model>`, `person:<name>`, `import`. */
  readonly chosenBy: string;
  readonly rejectedBy: string;
  /** For imports: the file does not say what the example teaches, and it is taken as `general`. */
  readonly purpose?: 'unknown';
  /** The example as it was made, where a person changed it. */
  readonly edits?: string;
}

/** A training pair in TRL's conversational preference format, with lineage. */
export interface PreferenceExample {
  readonly id: string;
  readonly prompt: readonly Message[];
  readonly chosen: readonly Message[];
  readonly rejected: readonly Message[];
  /** Answers that a token limit cut off: what is there is learnt, but not to end there. */
  readonly cut?: readonly ('chosen' | 'rejected')[];
  /** `harm` teaches to decline, `benign` to answer, `general` to stay helpful. */
  readonly purpose: 'harm' | 'benign' | 'general';
  readonly category: string;
  readonly lineage: Lineage;
}
