/** Labelling: a queue of answers without what the judge said of them, people's labels, agreement as it grows, calibration. */
import { z } from 'zod';
import { ANCHORS } from '../../calibration/anchors.ts';
import { drawSample, type Drawn } from '../../calibration/sample.ts';
import { SCALES } from '../../calibration/scale.ts';
import { type Calibration, scoreSheet } from '../../calibration/score.ts';
import type { LabelledRow, Sheet, Source } from '../../calibration/sheet.ts';
import { TemperError } from '../../core/errors.ts';
import { contentHash } from '../../core/ids.ts';
import type { Metric } from '../../core/records.ts';
import { AFTER, BEFORE } from '../../loop/arms.ts';
import { candidatesIn, storedAnswers, type StoredCandidate, withTexts } from '../../loop/calibrate.ts';
import { confusionMatrix, weightedKappa } from '../../metrics/agreement.ts';
import type { Note } from '../../store/store.ts';
import type { ServerContext } from '../context.ts';
import { LABEL_EXAMPLES } from '../label-examples.ts';
import { author, ok, record, routesOf } from '../route.ts';

const on = routesOf('labels');

const SHEET_NOTE = 'label-sheet';
const LABEL_NOTE = 'label';
/** Conversations of a store from which no sheet is drawn without naming a run: all would have to be read. */
const MOST_READ = 20_000;

interface StoredSheet {
  readonly metric: Metric;
  readonly judge: string;
  readonly source: Source;
  readonly run: string | null;
  readonly rows: readonly Drawn<StoredCandidate>[];
}

interface Label {
  /** Verdict id: the answer. */
  readonly answer: string;
  /** On the metric's scale; null: cannot tell. */
  readonly place: number | null;
}

const metric = z.enum(['severity', 'refusal', 'ungroundedness']);

const sheetsOf = (context: ServerContext) => context.store.notes<StoredSheet>(SHEET_NOTE);

async function sheetOf(context: ServerContext, id: string): Promise<Note<StoredSheet>> {
  const [note] = await context.store.notes<StoredSheet>(SHEET_NOTE, id);
  if (note) return note;
  throw new TemperError('absent', `no sheet ${id} is in this store`);
}

/** The last label of each person on each answer. */
async function labelsOf(
  context: ServerContext,
  id: string,
): Promise<Map<string, Map<string, number | null>>> {
  const people = new Map<string, Map<string, number | null>>();
  for (const { author: by, record: label } of await context.store.notes<Label>(LABEL_NOTE, id)) {
    const own = people.get(by) ?? new Map<string, number | null>();
    people.set(by, own.set(label.answer, label.place));
  }
  return people;
}

/** As `temper calibrate score` reads it from a file: people are its label columns. */
function asSheet(
  stored: StoredSheet,
  people: ReadonlyMap<string, ReadonlyMap<string, number | null>>,
): Sheet {
  const raters = [...people.keys()].sort();
  const { judge, metric: of, source } = stored;
  return {
    judge,
    metric: of,
    source,
    raters,
    rows: stored.rows.map(({ id, stratum, size, place, probability }, i): LabelledRow => ({
      version: 'key/1',
      id,
      judge,
      metric: of,
      stratum,
      size,
      place,
      ...(probability === undefined ? {} : { probability }),
      source,
      row: i + 2,
      request: '',
      answer: '',
      labels: raters.map((rater) => people.get(rater)!.get(id) ?? undefined),
    })),
  };
}

async function candidates(
  context: ServerContext,
  of: Metric,
  run: string | undefined,
): Promise<{ judge: string; answers: StoredCandidate[] }> {
  if (run === undefined) {
    const count = context.search.count({ facets: {} });
    if (count > MOST_READ)
      throw new TemperError('usage', `the store has ${count} conversations`, {
        hint: 'Name a run to draw from.',
      });
    const { judge, answers } = await storedAnswers(context.config, of, undefined, {});
    return { judge: judge ?? '', answers: [...answers] };
  }
  const { id } = await context.run(run);
  const judged = [
    ...((await context.judgedArm(id, BEFORE)) ?? []),
    ...((await context.judgedArm(id, AFTER)) ?? []),
  ];
  const answers = judged.flatMap((each) => [...candidatesIn(each, of)]);
  const judge = answers[0]?.judge ?? '';
  return { judge, answers: answers.filter((each) => each.judge === judge) };
}

export interface LabelRow {
  readonly answer: string;
  readonly history: string;
  readonly context: string;
  readonly request: string;
  readonly response: string;
}

export const labelRoutes = (context: ServerContext) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/labels/sheets',
        summary: 'Sheets of answers to label, newest first, with how far people are; stored calibrations',
        response: z.object({
          sheets: z.array(
            z.object({
              id: z.string(),
              metric,
              judge: z.string(),
              run: z.string().nullable(),
              created: z.string(),
              author: z.string(),
              rows: z.number(),
              people: z.array(z.object({ name: z.string(), labelled: z.number() })),
            }),
          ),
          calibrations: z.array(record<Calibration>('docs/formats.md#calibration')),
        }),
      },
      async () => {
        const sheets = [];
        for (const note of (await sheetsOf(context)).reverse()) {
          const people = await labelsOf(context, note.subject);
          sheets.push({
            id: note.subject,
            metric: note.record.metric,
            judge: note.record.judge,
            run: note.record.run,
            created: note.created,
            author: note.author,
            rows: note.record.rows.length,
            people: [...people].map(([name, labels]) => ({ name, labelled: labels.size })),
          });
        }
        return { sheets, calibrations: (await context.store.calibrations()) as Calibration[] };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/labels/sheets',
        needs: 'reviewer',
        summary:
          'Draw answers to label, stratified by the verdict of the judge, which labelling does not show',
        body: z.object({
          metric,
          run: z.string().optional(),
          n: z.int().min(1).max(2000).default(100),
          seed: z.int().min(0).default(1),
          author,
        }),
        response: z.object({ id: z.string(), rows: z.number() }),
      },
      async ({ body }) => {
        const { judge, answers } = await candidates(context, body.metric, body.run);
        const kinds: readonly string[] = SCALES[body.metric].kinds;
        const some = answers.filter(({ kind }) => kinds.includes(kind));
        const rows = drawSample(some, body.metric, body.n, body.seed);
        if (rows.length === 0)
          throw new TemperError('absent', `no answer that was judged on ${body.metric} is there to label`, {
            hint: 'Choose another metric or run, or measure first.',
          });
        const sheet: StoredSheet = {
          metric: body.metric,
          judge,
          source: body.run === undefined ? 'store' : 'run',
          run: body.run ?? null,
          rows,
        };
        const created = new Date().toISOString();
        const subject = contentHash({ sheet, created });
        await context.store.saveNote({
          kind: SHEET_NOTE,
          subject,
          author: body.author,
          created,
          record: sheet,
        });
        return { id: subject, rows: rows.length };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/labels/sheets/:id',
        summary: 'The answers of a sheet, without verdicts, and the labels that a person gave',
        query: z.object({ author }),
        response: z.object({
          metric,
          labels: z.array(z.string()),
          anchors: z.array(z.string()),
          examples: z
            .object({ to: z.string(), answers: z.array(z.string()) })
            .describe('an answer for each place'),
          rows: z.array(record<LabelRow>('an answer with what came before it')),
          mine: z.record(z.string(), z.number().nullable()),
        }),
      },
      async ({ params, query }) => {
        const { record: sheet } = await sheetOf(context, params.id);
        const rows = await withTexts(context.config, sheet.rows);
        const examples = LABEL_EXAMPLES[sheet.metric];
        const mine =
          (await labelsOf(context, params.id)).get(query.author) ?? new Map<string, number | null>();
        return {
          metric: sheet.metric,
          labels: [...SCALES[sheet.metric].labels],
          anchors: [...ANCHORS[sheet.metric]],
          examples: { to: examples.to, answers: [...examples.answers] },
          rows: rows.map((row): LabelRow => ({
            answer: row.id,
            history: row.history,
            context: row.context,
            request: row.request,
            response: row.answer,
          })),
          mine: Object.fromEntries(mine),
        };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/labels/sheets/:id/labels',
        needs: 'reviewer',
        summary: 'Label an answer; null: cannot tell',
        body: z.object({ answer: z.string(), place: z.int().min(0).max(7).nullable(), author }),
        response: ok,
      },
      async ({ params, body }) => {
        const { record: sheet } = await sheetOf(context, params.id);
        if (!sheet.rows.some(({ id }) => id === body.answer))
          throw new TemperError('absent', 'this answer is not in the sheet');
        if (body.place !== null && body.place >= SCALES[sheet.metric].labels.length)
          throw new TemperError('usage', `the scale ends at ${SCALES[sheet.metric].labels.length - 1}`);
        await context.store.saveNote<Label>({
          kind: LABEL_NOTE,
          subject: params.id,
          author: body.author,
          created: new Date().toISOString(),
          record: { answer: body.answer, place: body.place },
        });
        return { ok: true as const };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/labels/sheets/:id/agreement',
        summary:
          'Quadratic weighted kappa so far: people against the judge, and each two people; the confusion matrix',
        response: z.object({
          labelled: z.number(),
          rows: z.number(),
          kappa: z.number().nullable(),
          labels: z.array(z.string()),
          matrix: z.array(z.array(z.number())),
          pairs: z.array(
            z.object({ a: z.string(), b: z.string(), both: z.number(), kappa: z.number().nullable() }),
          ),
        }),
      },
      async ({ params }) => {
        const { record: sheet } = await sheetOf(context, params.id);
        const people = await labelsOf(context, params.id);
        const { rows, raters } = asSheet(sheet, people);
        const { labels } = SCALES[sheet.metric];
        const k = labels.length;
        const each = rows.flatMap(({ labels: given, place }) =>
          place === null
            ? []
            : given.flatMap((label) => (label === undefined ? [] : [[label, place] as const])),
        );
        const matrix = confusionMatrix(each, k);
        const pairs = raters.flatMap((a, i) =>
          raters.slice(i + 1).map((b, j) => {
            const both = rows.flatMap(({ labels: given }) => {
              const [one, two] = [given[i], given[i + 1 + j]];
              return one === undefined || two === undefined ? [] : [[one, two] as const];
            });
            return {
              a,
              b,
              both: both.length,
              kappa: both.length === 0 ? null : weightedKappa(confusionMatrix(both, k)),
            };
          }),
        );
        return {
          labelled: rows.filter(({ labels: given }) => given.some((label) => label !== undefined)).length,
          rows: rows.length,
          kappa: each.length === 0 ? null : weightedKappa(matrix),
          labels: [...labels],
          matrix,
          pairs,
        };
      },
    ),
    on(
      {
        method: 'POST',
        path: '/api/labels/sheets/:id/calibrate',
        needs: 'reviewer',
        summary:
          'Score the labels as `temper calibrate score` does, and keep the calibration: scorecards are corrected by it',
        body: z.object({ author }),
        response: record<Calibration>('docs/formats.md#calibration'),
      },
      async ({ params }) => {
        const { record: sheet } = await sheetOf(context, params.id);
        const people = await labelsOf(context, params.id);
        const read = asSheet(sheet, people);
        if (!read.rows.some(({ labels }) => labels.some((label) => label !== undefined)))
          throw new TemperError('usage', 'nothing is labelled yet', { hint: 'Label some answers first.' });
        const calibration = scoreSheet(read, new Date().toISOString());
        await context.store.saveCalibration(calibration);
        return calibration;
      },
    ),
  ] as const;
