/** Scorecards: as a run stored it, counted anew at another severity, of any two arms, and of several side by side. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { withCorrection } from '../../calibration/correct.ts';
import { TemperError } from '../../core/errors.ts';
import { AFTER, BEFORE } from '../../loop/arms.ts';
import {
  type Measured,
  overShared,
  pairedCard,
  pairedTable,
  type Severities,
  type Shared,
} from '../../loop/paired.ts';
import { scorecardOf } from '../../loop/scorecard.ts';
import { compare, type Comparison } from '../../metrics/comparison.ts';
import { harmful, type Judged, validPromptRefused } from '../../metrics/conversation.ts';
import type { GateOptions } from '../../metrics/gate.ts';
import type { About, CategoryResult, Scorecard } from '../../metrics/scorecard.ts';
import type { ComparisonTable } from '../../report/table.ts';
import { clearChange, criterionText, type Line, scorecardLines } from '../../report/format.ts';
import { BUILT_IN } from '../../scenarios/built-in.ts';
import { leavesById, loadTaxonomy } from '../../scenarios/taxonomy.ts';
import type { RunRecord } from '../../store/store.ts';
import { MOST_COUNTED, type ServerContext } from '../context.ts';
import { measuredArm, TOO_LARGE } from '../measured-arms.ts';
import { record, routesOf } from '../route.ts';

const on = routesOf('scorecards');

export const severity = z.coerce
  .number()
  .int()
  .min(1)
  .max(7)
  .describe('from which severity on an answer is harmful');

/** Of comparisons. */
export const anySeverity = severity
  .optional()
  .describe('from which severity on an answer is harmful, everywhere; left out: as in Table 1, and 3');

export const severitiesAt = (x: number | undefined): Severities =>
  x === undefined ? {} : { categorySeverity: x, rowSeverity: x };

export interface ShownLine extends Line {
  readonly change: 'better' | 'worse' | null;
}

export interface CategoryGroup {
  readonly group: string;
  readonly name: string;
  /** All categories of the group together; null where only the stored figures are known. */
  readonly harm: Comparison | null;
  readonly overRefusal: Comparison | null;
  readonly categories: readonly (CategoryResult & { readonly name: string; readonly definition: string })[];
}

export interface ShownScorecard {
  readonly scorecard: Scorecard;
  readonly rows: readonly ShownLine[];
  readonly rest: readonly ShownLine[];
  readonly groups: readonly CategoryGroup[];
  readonly criteria: readonly { name: string; outcome: string; text: string }[];
  /** Whether it was counted from the conversations now; else it is as the run stored it. */
  readonly counted: boolean;
}

/** A scorecard with what a page shows of it. */
function shown(
  scorecard: Scorecard,
  arms: { before: readonly Judged[]; after: readonly Judged[] | undefined } | null,
): ShownScorecard {
  const taxonomy = loadTaxonomy(BUILT_IN.taxonomy);
  const leaves = leavesById(taxonomy);
  const line = (each: Line): ShownLine => ({ ...each, change: clearChange(each) });
  const { rows, rest } = scorecardLines(scorecard);
  const x = scorecard.categorySeverity;
  const together = (
    group: string,
    kind: 'adversarial' | 'benign',
    value: (judged: Judged) => number | undefined,
  ): Comparison | null => {
    if (!arms) return null;
    const of = (judged: readonly Judged[]): Judged[] =>
      judged.filter(
        ({ scenario }) =>
          scenario.kind === kind &&
          scenario.metric !== 'ungroundedness' &&
          (leaves.get(scenario.category)?.group ?? 'other') === group,
      );
    const before = of(arms.before);
    return before.length === 0 ? null : compare({ before, after: arms.after && of(arms.after) }, value);
  };
  const groups = [...taxonomy.groups, { id: 'other', name: 'Other' }].flatMap(({ id, name }) => {
    const categories = scorecard.categories
      .filter(({ category }) => (leaves.get(category)?.group ?? 'other') === id)
      .map((each) => ({
        ...each,
        name: leaves.get(each.category)?.name ?? each.category,
        definition: leaves.get(each.category)?.definition ?? '',
      }));
    if (categories.length === 0) return [];
    return [
      {
        group: id,
        name,
        harm: together(id, 'adversarial', (judged) => harmful(judged, x)),
        overRefusal: together(id, 'benign', (judged) => validPromptRefused(judged, 'full')),
        categories,
      },
    ];
  });
  return {
    scorecard,
    rows: rows.map(line),
    rest: rest.map(line),
    groups,
    criteria: (scorecard.gate?.criteria ?? []).map((criterion) => ({
      name: criterion.name,
      outcome: criterion.outcome,
      text: criterionText(criterion),
    })),
    counted: arms !== null,
  };
}

async function ofRun(context: ServerContext, run: RunRecord, x: number): Promise<ShownScorecard> {
  const stored = run.scorecard as Scorecard | undefined;
  const before = await context.judgedArm(run.id, BEFORE);
  const after = (await context.judgedArm(run.id, AFTER)) ?? undefined;
  if (!stored)
    throw new TemperError('absent', `run ${run.id} has not finished: it has no scorecard yet`, {
      hint: 'Continue it on the page Runs.',
    });
  // Of a run that is not at hand whole, what it stored is shown.
  const whole = before !== null && (stored.counts.after === null || after !== undefined);
  const arms = whole ? { before, after } : null;
  // As the run decided: rounds share one level of the test among them.
  const gate = stored.gate?.options ?? (run.config as { gate?: GateOptions }).gate;
  const card = arms
    ? {
        ...scorecardOf({
          about: { ...stored.about, notes: [] },
          before: arms.before,
          ...(arms.after ? { after: arms.after } : {}),
          ...(gate ? { gate } : {}),
          categorySeverity: x,
        }),
        about: stored.about,
        ...(stored.regression ? { regression: stored.regression } : {}),
      }
    : stored;
  return shown(withCorrection(card, await context.store.calibrations()), arms);
}

/** `RUN` (after, or before where there is no after), `RUN:ARM`, or what was measured outside of runs; by the judge that its verdicts name. */
export async function armNamed(context: ServerContext, name: string): Promise<Measured> {
  const alone = await measuredArm(context, name);
  if (alone) return alone;
  const at = name.indexOf(':');
  const id = at < 0 ? name : name.slice(0, at);
  const run = await context.run(id);
  const wanted = at < 0 ? [AFTER, BEFORE] : [name.slice(at + 1)];
  for (const arm of wanted) {
    const judged = await context.judgedArm(run.id, arm);
    if (!judged) continue;
    const stored = (run.scorecard as Scorecard | undefined)?.about;
    const judge = `${judged.flatMap(({ verdicts }) => verdicts)[0]?.judge ?? 'none'}: `;
    const { target = name, simulator = '', suite = '', created = run.created } = stored ?? {};
    const about: About = {
      target,
      simulator,
      judge: stored?.judge.startsWith(judge) ? stored.judge : judge,
      suite,
      created,
    };
    return { name, judged, about };
  }
  const named = wanted.join(' or ');
  const count = Math.max(...wanted.map((arm) => context.search.count({ run: run.id, arm, facets: {} })));
  if (count > MOST_COUNTED)
    throw new TemperError('absent', `${named} of run ${id} cannot be compared here: ${TOO_LARGE}`);
  throw new TemperError('absent', `run ${id} has no conversations under the name ${named}`, {
    hint: 'GET /api/runs/ID lists what it measured.',
  });
}

/** The arms over what they share; or why they share nothing. */
export function sharedOrNot(arms: readonly Measured[]): { shared: Shared } | { alone: string } {
  try {
    return { shared: overShared(arms) };
  } catch (error) {
    if (error instanceof TemperError && error.code === 'absent') return { alone: error.message };
    throw error;
  }
}

export const scorecardRoutes = (context: ServerContext) =>
  [
    on(
      {
        method: 'GET',
        path: '/api/runs/:id/scorecard',
        summary: 'The scorecard of a finished run; categories and turns at any severity',
        query: z.object({ x: severity.default(3) }),
        response: record<ShownScorecard>('docs/formats.md#scorecard, with lines and groups'),
      },
      async ({ params, query }) => ofRun(context, await context.run(params.id), query.x),
    ),
    on(
      {
        method: 'GET',
        path: '/api/runs/:id/report',
        summary: 'The HTML report of a finished run, as a file',
        media: 'text/html',
      },
      async ({ params }) => {
        const run = await context.run(params.id);
        const path = join(context.config.directory, 'reports', `${run.id}.html`);
        if (!existsSync(path))
          throw new TemperError('absent', `run ${run.id} has no report yet`, {
            hint: `\`temper report ${run.id} --format html\` writes it.`,
          });
        return new Response(readFileSync(path), {
          headers: {
            'content-type': 'text/html; charset=utf-8',
            'content-disposition': `attachment; filename="temper-${run.id}.html"`,
          },
        });
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/compare',
        summary: 'Two arms of any runs, paired over the scenarios that both have',
        query: z.object({
          a: z.string().describe('RUN, or RUN:ARM'),
          b: z.string(),
          x: anySeverity,
        }),
        response: record<ShownScorecard & { readonly notes: readonly string[] }>('docs/formats.md#scorecard'),
      },
      async ({ query }) => {
        const a = await armNamed(context, query.a);
        const both = overShared([a, await armNamed(context, query.b)]);
        const [before, after] = both.arms.map(({ judged }) => judged) as [Judged[], Judged[]];
        const card = pairedCard(both, await context.store.calibrations(), severitiesAt(query.x));
        return { ...shown(card, { before, after }), notes: card.about.notes ?? [] };
      },
    ),
    on(
      {
        method: 'GET',
        path: '/api/family',
        summary: 'Several arms side by side over the scenarios that all have, each paired with the first',
        query: z.object({
          arms: z.string().describe('RUN or RUN:ARM, separated by commas'),
          x: anySeverity,
        }),
        response: z.object({
          columns: z.array(record<{ name: string; card: ShownScorecard }>('an arm and its scorecard')),
          table: record<ComparisonTable>(
            'docs/formats.md#comparison: paired differences from the first arm, p as it is and after Holm',
          ).nullable(),
          alone: z
            .string()
            .nullable()
            .describe('why nothing is paired: each arm then stands by itself, over its own scenarios'),
        }),
      },
      async ({ query }) => {
        const names = [...new Set(query.arms.split(',').filter((name) => name !== ''))];
        if (names.length === 0 || names.length > 12)
          throw new TemperError('usage', 'name one to twelve arms');
        const arms: Measured[] = [];
        for (const name of names) arms.push(await armNamed(context, name));
        const both = names.length > 1 ? sharedOrNot(arms) : { alone: null };
        const calibrations = await context.store.calibrations();
        const columns = ('shared' in both ? both.shared.arms : arms).map(({ name, judged, about }) => {
          const card = scorecardOf({ about, before: judged, ...severitiesAt(query.x) });
          return {
            name,
            card: shown(withCorrection(card, calibrations), { before: judged, after: undefined }),
          };
        });
        return 'shared' in both
          ? { columns, table: pairedTable(both.shared, severitiesAt(query.x)), alone: null }
          : { columns, table: null, alone: both.alone };
      },
    ),
  ] as const;
