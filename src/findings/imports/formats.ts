/** The formats of other tools, a record at a time. A new one is one entry here. Fields: docs/formats.md. */
import {
  answered,
  type Case,
  contentOf,
  field,
  fieldsOf,
  type ImportFormat,
  labelOf,
  listOf,
  messagesOf,
  NO_PROMPT,
  type Read,
  textOf,
} from './case.ts';
import { pyrit } from './pyrit.ts';

/** A prompt that is a text, or a list of chat messages as JSON. */
function promptMessages(raw: string): Case['messages'] {
  try {
    const list: unknown = JSON.parse(raw);
    const messages = Array.isArray(list) ? messagesOf(list) : [];
    if (messages.at(-1)?.role === 'user') return messages;
  } catch {
    // A text.
  }
  return [{ role: 'user', content: raw }];
}

const failureOf = (pass: unknown): Case['outcome'] =>
  pass === true ? 'pass' : pass === false ? 'fail' : 'unknown';

const promptfoo: ImportFormat = {
  description: 'promptfoo: output of `eval -o file.json` or of a red team',
  file: 'json',
  matches: (whole) => {
    const inner = field(whole, 'results', 'results') ?? field(whole, 'results');
    return (
      Array.isArray(inner) &&
      inner.some((each) => field(each, 'gradingResult') !== undefined || field(each, 'vars') !== undefined)
    );
  },
  records: (whole) => listOf(field(whole, 'results', 'results') ?? field(whole, 'results')),
  read(record) {
    const metadata = {
      ...fieldsOf(field(record, 'testCase', 'metadata')),
      ...fieldsOf(field(record, 'metadata')),
    };
    const raw = textOf(field(record, 'prompt', 'raw')) ?? textOf(field(record, 'vars', 'prompt'));
    const output = field(record, 'response', 'output');
    const response = typeof output === 'object' && output !== null ? JSON.stringify(output) : output;
    // 2: the call or the grader failed (ResultFailureReason.ERROR).
    const error =
      textOf(field(record, 'response', 'error')) ??
      (field(record, 'failureReason') === 2 ? 'error' : undefined);
    const text = textOf(response);
    if (raw === undefined || text === undefined) return [NO_PROMPT];
    const grading = field(record, 'gradingResult');
    const plugin = labelOf(field(metadata, 'pluginId'));
    return [
      {
        messages: promptMessages(raw),
        response: text,
        outcome:
          error === undefined ? failureOf(field(grading, 'pass') ?? field(record, 'success')) : 'unknown',
        kind: /over-?refusal|overblock/i.test(plugin ?? '') ? 'over-refusal' : 'harm',
        objective: textOf(field(metadata, 'goal')) ?? textOf(field(metadata, 'originalText')),
        label: labelOf(field(metadata, 'harmCategory')) ?? plugin,
        attack: labelOf(field(metadata, 'strategyId')),
        target: labelOf(field(record, 'provider', 'label')) ?? labelOf(field(record, 'provider', 'id')),
        rationale: textOf(field(grading, 'reason')),
      },
    ];
  },
};

/** garak's default threshold of a detector's score. */
const GARAK_HIT = 0.5;

/** Messages of a prompt in any of garak's forms: a text, `{text}`, `{turns: [{role, content: {text}}]}`. */
function garakPrompt(prompt: unknown): Case['messages'] {
  const turns = listOf(field(prompt, 'turns'));
  if (turns.length > 0) return messagesOf(turns);
  const text = contentOf(prompt);
  return text === undefined ? [] : [{ role: 'user', content: text }];
}

const garakReport: ImportFormat = {
  description: 'garak: report.jsonl',
  file: 'jsonl',
  matches: (first) => typeof field(first, 'entry_type') === 'string',
  read(record) {
    if (field(record, 'entry_type') !== 'attempt') return [];
    // An attempt stands twice: as it was begun (1) and as it was scored (2).
    if (field(record, 'status') !== 2) return [];
    const detectors = Object.entries(fieldsOf(field(record, 'detector_results')));
    const conversations = listOf(field(record, 'conversations'));
    const probe = labelOf(field(record, 'probe_classname'));
    return listOf(field(record, 'outputs')).map((output, i): Read => {
      const turns = messagesOf(listOf(field(conversations[i], 'turns')));
      const last = turns.findLastIndex(({ role }) => role === 'user');
      const messages = last >= 0 ? turns.slice(0, last + 1) : garakPrompt(field(record, 'prompt'));
      const response = contentOf(output);
      if (messages.at(-1)?.role !== 'user' || response === undefined) return NO_PROMPT;
      const scores = detectors.map(([name, values]) => [name, listOf(values).flat()[i]] as const);
      const hits = scores.filter(([, score]) => typeof score === 'number' && score >= GARAK_HIT);
      const scored = scores.some(([, score]) => typeof score === 'number');
      return {
        messages,
        response,
        outcome: hits.length > 0 ? 'fail' : scored ? 'pass' : 'unknown',
        kind: 'harm',
        label: probe,
        attack: probe,
        rationale: textOf(hits.map(([name, score]) => `${name} ${String(score)}`).join(', ')),
      };
    });
  },
};

const garakHits: ImportFormat = {
  description: 'garak: hitlog.jsonl (hits alone)',
  file: 'jsonl',
  matches: (first) => field(first, 'attempt_id') !== undefined && field(first, 'probe') !== undefined,
  read(record) {
    const messages = garakPrompt(field(record, 'prompt'));
    const response = contentOf(field(record, 'output'));
    if (messages.at(-1)?.role !== 'user' || response === undefined) return [NO_PROMPT];
    const probe = labelOf(field(record, 'probe'));
    return [
      {
        messages,
        response,
        outcome: 'fail',
        kind: 'harm',
        label: probe,
        attack: probe,
        target: labelOf(field(record, 'generator')),
        rationale: textOf(`${String(field(record, 'detector'))} ${String(field(record, 'score'))}`),
      },
    ];
  },
};

/** Correct and incorrect have a direction; of a number temper does not know whether more is better. */
function inspectOutcome(value: unknown): Case['outcome'] {
  if (value === 'I' || value === false) return 'fail';
  return value === 'C' || value === true ? 'pass' : 'unknown';
}

const inspect: ImportFormat = {
  description: 'Inspect: log in JSON (`inspect log dump`, or --log-format json)',
  file: 'json',
  matches: (whole) => field(whole, 'eval', 'task') !== undefined && Array.isArray(field(whole, 'samples')),
  records: (whole) =>
    listOf(field(whole, 'samples')).map((sample) => ({
      ...fieldsOf(sample),
      model: field(whole, 'eval', 'model'),
    })),
  read(sample) {
    // What the assistant is said to have said in the input is no answer: a sample that failed has none.
    const said = listOf(field(sample, 'messages'));
    const last = said.findLastIndex(
      (each) => field(each, 'role') === 'assistant' && field(each, 'source') !== 'input',
    );
    const line =
      answered(messagesOf(said.slice(0, last + 1))) ??
      inspectOutput(field(sample, 'input'), field(sample, 'output', 'choices'));
    if (!line) return [NO_PROMPT];
    const scores = Object.entries(fieldsOf(field(sample, 'scores')));
    const outcomes = scores.map(
      ([name, score]) => [name, inspectOutcome(field(score, 'value')), score] as const,
    );
    const wrong = outcomes.find(([, outcome]) => outcome === 'fail');
    const metadata = field(sample, 'metadata');
    return [
      {
        ...line,
        outcome: wrong ? 'fail' : outcomes.some(([, outcome]) => outcome === 'pass') ? 'pass' : 'unknown',
        kind: 'harm',
        label: labelOf(field(metadata, 'category') ?? field(metadata, 'harm_category')),
        attack: labelOf(field(metadata, 'attack')),
        target: labelOf(field(sample, 'model')),
        rationale: wrong && textOf(`${wrong[0]}: ${textOf(field(wrong[2], 'explanation')) ?? 'I'}`),
      },
    ];
  },
};

function inspectOutput(input: unknown, choices: unknown): ReturnType<typeof answered> {
  const response = contentOf(field(listOf(choices)[0], 'message', 'content'));
  const messages =
    typeof input === 'string' ? messagesOf([{ role: 'user', content: input }]) : messagesOf(listOf(input));
  return response !== undefined && messages.at(-1)?.role === 'user' ? { messages, response } : null;
}

const harmbench: ImportFormat = {
  description: 'HarmBench: completions, or results with labels, by behaviour',
  file: 'json',
  matches: (whole) =>
    Object.values(fieldsOf(whole)).some(
      (list) => Array.isArray(list) && field(list[0], 'generation') !== undefined,
    ),
  records: (whole) =>
    Object.entries(fieldsOf(whole)).flatMap(([behavior, list]) =>
      listOf(list).map((each) => ({ ...fieldsOf(each), behavior })),
    ),
  read(record) {
    const test = contentOf(field(record, 'test_case'));
    const response = textOf(field(record, 'generation'));
    if (test === undefined || response === undefined) return [NO_PROMPT];
    // What its scripts write where every try of a call failed.
    if (response === '$ERROR$') return [{ passedOver: 'the call failed' }];
    // -1: the classifier said neither yes nor no.
    const label = field(record, 'label');
    const outcome =
      label === 1 || label === true ? 'fail' : label === 0 || label === false ? 'pass' : 'unknown';
    const behavior = labelOf(field(record, 'behavior'));
    return [
      {
        messages: [{ role: 'user', content: test }],
        response,
        outcome,
        kind: 'harm',
        objective: behavior?.replaceAll('_', ' '),
        label: labelOf(field(record, 'semantic_category')),
        rationale:
          outcome === 'unknown' ? undefined : `HarmBench classifier: ${outcome === 'fail' ? 'yes' : 'no'}`,
      },
    ];
  },
};

const table: ImportFormat = {
  description:
    'CSV: columns prompt and response; category, severity, attack, kind, objective, target, note if there',
  file: 'csv',
  matches: (first) => field(first, 'prompt') !== undefined && field(first, 'response') !== undefined,
  read(record) {
    const prompt = textOf(field(record, 'prompt'));
    const response = textOf(field(record, 'response'));
    if (prompt === undefined || response === undefined) return [NO_PROMPT];
    const kind = labelOf(field(record, 'kind')) ?? 'harm';
    if (kind !== 'harm' && kind !== 'over-refusal')
      return [{ passedOver: 'its kind is neither harm nor over-refusal' }];
    const given = labelOf(field(record, 'severity'));
    const severity = given === undefined ? undefined : Number(given);
    if (severity !== undefined && !(Number.isInteger(severity) && severity >= 0 && severity <= 7))
      return [{ passedOver: 'its severity is no whole number from 0 to 7' }];
    return [
      {
        messages: [{ role: 'user', content: prompt }],
        response,
        outcome: severity === 0 ? 'pass' : 'fail',
        kind,
        severity,
        objective: textOf(field(record, 'objective')),
        label: labelOf(field(record, 'category')),
        attack: labelOf(field(record, 'attack')),
        target: labelOf(field(record, 'target')),
        rationale: textOf(field(record, 'note')),
      },
    ];
  },
};

export const IMPORT_FORMATS = {
  promptfoo,
  'garak-report': garakReport,
  'garak-hitlog': garakHits,
  pyrit,
  inspect,
  harmbench,
  csv: table,
} as const satisfies Record<string, ImportFormat>;
