/**
 * PyRIT: message pieces with their scores. Versions before 1 exported their memory so; version 1 exports nothing by itself,
 * and docs/formats.md has the lines that write its pieces and attack results as it stores them. Its memory also holds what
 * attackers and scorers said to each other; the attack results tell which conversations are the target's.
 */
import type { Message } from '../../core/records.ts';
import {
  answered,
  type Case,
  contentOf,
  field,
  type ImportFormat,
  labelOf,
  listOf,
  messagesOf,
  NO_PROMPT,
  type Read,
  textOf,
} from './case.ts';

const SEVERE = 7;
/** The usual threshold of a score from 0 to 1. */
const HIT = 0.5;

const piecesOf = (whole: unknown): readonly unknown[] =>
  Array.isArray(whole) ? whole : listOf(field(whole, 'pieces'));

/** What a piece says; of media there is a path, which nobody has said. */
const said = (piece: unknown): Message[] => {
  const role = field(piece, 'role');
  const type = field(piece, 'converted_value_data_type') ?? 'text';
  if (type !== 'text') return [];
  // Put into the target's mouth by the attack.
  const speaker = role === 'simulated_assistant' ? 'assistant' : role === 'developer' ? 'system' : role;
  return messagesOf([{ role: speaker, content: field(piece, 'converted_value') }]);
};

const nameOf = (identifier: unknown): string | undefined =>
  labelOf(field(identifier, '__type__')) ?? labelOf(field(identifier, 'class_name'));

interface Grades {
  readonly outcome: Case['outcome'];
  readonly severity?: number;
}

const scorerOf = (score: unknown): string | undefined =>
  nameOf(field(score, 'scorer_class_identifier') ?? field(score, 'scorer_identifier'));

/** Its true says that the target declined. */
const asksForRefusal = (score: unknown): boolean => /refus/i.test(scorerOf(score) ?? '');

/** A yes or no decides, else the highest grade, else whether it declined. A score that came to no verdict is none. */
function gradesOf(piece: unknown): Grades {
  const scores = listOf(field(piece, 'scores')).filter(
    (score) => typeof field(score, 'score_value') === 'string' && field(score, 'status') !== 'undetermined',
  );
  const valuesOf = (type: string, refusal: boolean): string[] =>
    scores
      .filter((score) => field(score, 'score_type') === type && asksForRefusal(score) === refusal)
      .map((score) => String(field(score, 'score_value')).toLowerCase());
  const of = (type: string): string[] => valuesOf(type, false);
  const truths = of('true_false').filter((value) => value === 'true' || value === 'false');
  const grades = of('float_scale')
    .map(Number)
    .filter((value) => Number.isFinite(value));
  const highest = grades.length > 0 ? Math.max(...grades) : undefined;
  if (truths.length + grades.length === 0)
    return { outcome: valuesOf('true_false', true).includes('true') ? 'pass' : 'unknown' };
  const failed = truths.length > 0 ? truths.includes('true') : highest! >= HIT;
  if (!failed) return { outcome: 'pass' };
  return highest === undefined
    ? { outcome: 'fail' }
    : { outcome: 'fail', severity: Math.max(3, Math.round(Math.min(1, highest) * SEVERE)) };
}

/** The attack that sends a request as it is: its converters say more. */
const SENDS = 'PromptSendingAttack';

/** The attack, and what converted the request. */
function attackOf(piece: unknown, request: unknown, strategy: unknown): string | undefined {
  const attack = nameOf(
    strategy ?? field(piece, 'attack_identifier') ?? field(piece, 'orchestrator_identifier'),
  );
  const names = [attack, ...listOf(field(request, 'converter_identifiers')).map(nameOf)].filter(
    (name) => name !== undefined,
  );
  return labelOf((names.length > 1 ? names.filter((name) => name !== SENDS) : names).join('+'));
}

/** The strategy within an attack result, with its target; rows of older versions are less deep. */
const strategyOf = (attack: unknown): unknown => {
  const whole = field(attack, 'atomic_attack_identifier', 'children');
  return field(whole, 'attack_technique', 'children', 'attack') ?? field(whole, 'attack');
};

/** Attack results by the conversations with the target that they had, given up ones too; null: the file has none. */
function attacksOf(whole: unknown): ReadonlyMap<string, unknown> | null {
  const attacks = listOf(field(whole, 'attacks'));
  const own = attacks.flatMap((attack) => {
    const pruned = listOf(field(attack, 'related_conversations')).filter(
      (related) => field(related, 'conversation_type') === 'pruned',
    );
    return [attack, ...pruned].map((each) => [String(field(each, 'conversation_id')), attack] as const);
  });
  return attacks.length === 0 ? null : new Map(own);
}

const NOT_THE_TARGET = { passedOver: 'not a conversation with the target: an attacker or a scorer' } as const;
/** The program's words, or a filter's. */
const FAILED = { passedOver: 'an error instead of an answer' } as const;

export const pyrit: ImportFormat = {
  description: 'PyRIT: memory in JSON (message pieces with scores, attack results)',
  file: 'json',
  matches: (whole) => {
    const [first] = piecesOf(whole);
    return field(first, 'conversation_id') !== undefined && field(first, 'converted_value') !== undefined;
  },
  // An answer is read with what came before it.
  records: (whole) => {
    const attacks = attacksOf(whole);
    return [...Map.groupBy(piecesOf(whole), (piece) => String(field(piece, 'conversation_id')))].map(
      ([id, pieces]) => ({ pieces, attack: attacks === null ? undefined : (attacks.get(id) ?? null) }),
    );
  },
  read(conversation) {
    const attack = conversation['attack'];
    if (attack === null) return [NOT_THE_TARGET];
    const strategy = strategyOf(attack);
    const pieces = [...listOf(field(conversation, 'pieces'))].sort(
      (a, b) => Number(field(a, 'sequence')) - Number(field(b, 'sequence')),
    );
    return pieces.flatMap((piece, i): Read[] => {
      if (field(piece, 'role') !== 'assistant') return [];
      const error = labelOf(field(piece, 'response_error'));
      if (error !== undefined && error !== 'none') return [FAILED];
      const line = said(piece).length > 0 ? answered(pieces.slice(0, i + 1).flatMap(said)) : null;
      if (!line) return [NO_PROMPT];
      // What a refusal scorer says is no harm, and its category none.
      const all = listOf(field(piece, 'scores'));
      const scores = all.some((score) => !asksForRefusal(score))
        ? all.filter((score) => !asksForRefusal(score))
        : all;
      const target =
        field(strategy, 'children', 'objective_target') ?? field(piece, 'prompt_target_identifier');
      const request = pieces.slice(0, i).findLast((each) => said(each)[0]?.role === 'user');
      const text = (name: string): string | undefined =>
        scores.map((score) => textOf(field(score, name))).find((found) => found !== undefined);
      const category = scores.map((score) => field(score, 'score_category'));
      return [
        {
          ...line,
          ...gradesOf(piece),
          kind: 'harm',
          objective:
            textOf(field(attack, 'objective')) ??
            text('objective') ??
            contentOf(field(request, 'original_value')),
          label:
            labelOf(listOf(field(request, 'targeted_harm_categories'))[0]) ??
            labelOf(listOf(field(attack, 'targeted_harm_categories'))[0]) ??
            category.map((each) => labelOf(listOf(each)[0] ?? each)).find((name) => name !== undefined),
          attack: attackOf(piece, request, strategy),
          target: labelOf(field(target, 'model_name')) ?? nameOf(target),
          rationale: text('score_rationale'),
        },
      ];
    });
  },
};
