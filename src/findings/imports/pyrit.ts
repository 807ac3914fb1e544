/**
 * PyRIT: message pieces with their scores. Versions before 1 exported their memory so; version 1 exports nothing by itself,
 * and docs/formats.md has the lines that write its pieces as it stores them.
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

interface Grades {
  readonly outcome: Case['outcome'];
  readonly severity?: number;
}

/** A yes or no decides, else the highest grade. A score that came to no verdict is none. */
function gradesOf(piece: unknown): Grades {
  const scores = listOf(field(piece, 'scores')).filter(
    (score) => typeof field(score, 'score_value') === 'string' && field(score, 'status') !== 'undetermined',
  );
  const of = (type: string): string[] =>
    scores
      .filter((score) => field(score, 'score_type') === type)
      .map((score) => String(field(score, 'score_value')).toLowerCase());
  const truths = of('true_false').filter((value) => value === 'true' || value === 'false');
  const grades = of('float_scale')
    .map(Number)
    .filter((value) => Number.isFinite(value));
  const highest = grades.length > 0 ? Math.max(...grades) : undefined;
  const error = labelOf(field(piece, 'response_error'));
  if (truths.length + grades.length === 0 || (error !== undefined && error !== 'none'))
    return { outcome: 'unknown' };
  const failed = truths.length > 0 ? truths.includes('true') : highest! >= HIT;
  if (!failed) return { outcome: 'pass' };
  return highest === undefined
    ? { outcome: 'fail' }
    : { outcome: 'fail', severity: Math.max(3, Math.round(Math.min(1, highest) * SEVERE)) };
}

const nameOf = (identifier: unknown): string | undefined =>
  labelOf(field(identifier, '__type__')) ?? labelOf(field(identifier, 'class_name'));

/** The attack, or what converted the request. */
function attackOf(piece: unknown, request: unknown): string | undefined {
  const converters = listOf(field(request, 'converter_identifiers')).map(nameOf);
  return (
    nameOf(field(piece, 'attack_identifier') ?? field(piece, 'orchestrator_identifier')) ??
    labelOf(converters.filter((name) => name !== undefined).join('+'))
  );
}

export const pyrit: ImportFormat = {
  description: 'PyRIT: memory export in JSON (message pieces with scores)',
  file: 'json',
  matches: (whole) => {
    const [first] = piecesOf(whole);
    return field(first, 'conversation_id') !== undefined && field(first, 'converted_value') !== undefined;
  },
  // An answer is read with what came before it.
  records: (whole) =>
    [...Map.groupBy(piecesOf(whole), (piece) => String(field(piece, 'conversation_id'))).values()].map(
      (pieces) => ({ pieces }),
    ),
  read(conversation) {
    const pieces = [...listOf(field(conversation, 'pieces'))].sort(
      (a, b) => Number(field(a, 'sequence')) - Number(field(b, 'sequence')),
    );
    return pieces.flatMap((piece, i): Read[] => {
      if (field(piece, 'role') !== 'assistant') return [];
      const line = said(piece).length > 0 ? answered(pieces.slice(0, i + 1).flatMap(said)) : null;
      if (!line) return [NO_PROMPT];
      const scores = listOf(field(piece, 'scores'));
      const request = pieces.slice(0, i).findLast((each) => said(each)[0]?.role === 'user');
      const text = (name: string): string | undefined =>
        scores.map((score) => textOf(field(score, name))).find((found) => found !== undefined);
      const category = scores.map((score) => field(score, 'score_category'));
      return [
        {
          ...line,
          ...gradesOf(piece),
          kind: 'harm',
          objective: text('objective') ?? contentOf(field(request, 'original_value')),
          label:
            labelOf(listOf(field(request, 'targeted_harm_categories'))[0]) ??
            category.map((each) => labelOf(listOf(each)[0] ?? each)).find((name) => name !== undefined),
          attack: attackOf(piece, request),
          target: nameOf(field(piece, 'prompt_target_identifier')),
          rationale: text('score_rationale'),
        },
      ];
    });
  },
};
