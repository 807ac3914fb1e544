/** What else can be compared than runs; and runs as a family: each model before and after its fix over what all of them were asked, and whether they differ by more than chance. */
import { z } from 'zod';
import { TemperError } from '../../core/errors.ts';
import { AFTER, BEFORE } from '../../loop/arms.ts';
import { familyFigures, type Figure, familyTests, type FamilyTests } from '../../loop/family.ts';
import type { Measured } from '../../loop/paired.ts';
import { scorecardOf } from '../../loop/scorecard.ts';
import type { Comparison } from '../../metrics/comparison.ts';
import type { Scorecard } from '../../metrics/scorecard.ts';
import type { ServerContext } from '../context.ts';
import { measuredArms } from '../measured-arms.ts';
import { record, routesOf } from '../route.ts';
import { armNamed, severity, sharedOrNot } from './scorecards.ts';

const on = routesOf('scorecards');

const armShape = {
  name: z.string(),
  target: z.string(),
  suite: z.string(),
  created: z.string(),
  conversations: z.number(),
};

export interface FamilyMemberView {
  readonly run: string;
  readonly target: string;
  /** Of the data that it learnt from; null: it was not fixed. */
  readonly examples: number | null;
  readonly figures: Readonly<Record<Figure, Comparison>>;
  /** DR-1 ... DR-7. */
  readonly curve: readonly Comparison[];
}

export interface FamilyView {
  readonly scenarios: number;
  readonly members: readonly FamilyMemberView[];
  readonly tests: FamilyTests;
  readonly notes: readonly string[];
}

export const familyRoutes = (context: ServerContext) => {
  /** Both arms of a run, or the one that it has. */
  const armsOf = async (run: string): Promise<Measured[]> => {
    const before = await armNamed(context, `${run}:${BEFORE}`);
    const fixed = (await context.judgedArm((await context.run(run)).id, AFTER)) !== null;
    return fixed ? [before, await armNamed(context, `${run}:${AFTER}`)] : [before];
  };
  const examplesOf = async (run: string): Promise<number | null> => {
    const curated = (await context.store.stage(run, 'curate')) as { dataset: string } | null;
    if (!curated) return null;
    const { n } = context.search.index.database
      .prepare('select count(*) as n from store.examples where dataset = ?')
      .get(curated.dataset) as { n: number };
    return n;
  };
  return [
    on(
      {
        method: 'GET',
        path: '/api/measured',
        summary: 'What was measured outside of runs, newest first, under the names that comparisons take',
        response: z.object({
          measured: z.array(z.object(armShape)),
          left: z
            .array(z.object({ ...armShape, why: z.string() }))
            .describe('what cannot be compared here, and why'),
        }),
      },
      () => measuredArms(context),
    ),
    on(
      {
        method: 'GET',
        path: '/api/families',
        summary:
          'Models by their runs, before and after the fix, over the scenarios that all have: did they improve alike?',
        query: z.object({
          runs: z.string().describe('two to twelve runs, separated by commas'),
          x: severity.default(3),
        }),
        response: z.object({
          family: record<FamilyView>(
            'figures of each model; Q, df, p and I² as `temper run --family` has them',
          ).nullable(),
          alone: z.string().nullable().describe('why there is none: they have no scenario in common'),
        }),
      },
      async ({ query }) => {
        const runs = [...new Set(query.runs.split(',').filter((name) => name !== ''))];
        if (runs.length < 2 || runs.length > 12) throw new TemperError('usage', 'name two to twelve runs');
        const measured: Measured[][] = [];
        for (const run of runs) measured.push(await armsOf(run));
        const both = sharedOrNot(measured.flat());
        if (!('shared' in both)) return { family: null, alone: both.alone };
        const { arms, notes } = both.shared;
        const judgedOf = (run: string, arm: string) =>
          arms.find(({ name }) => name === `${run}:${arm}`)?.judged;
        const cards = runs.map((run, i): Scorecard => {
          const after = judgedOf(run, AFTER);
          return scorecardOf({
            about: measured[i]![0]!.about,
            before: judgedOf(run, BEFORE)!,
            ...(after ? { after } : {}),
            categorySeverity: query.x,
          });
        });
        const members: FamilyMemberView[] = [];
        for (const [i, run] of runs.entries()) {
          const card = cards[i]!;
          members.push({
            run,
            target: card.about.target,
            examples: card.counts.after === null ? null : await examplesOf(run),
            figures: familyFigures(card, query.x),
            curve: card.harm.curve,
          });
        }
        const scenarios = cards[0]!.counts.before;
        return { family: { scenarios, members, tests: familyTests(cards, query.x), notes }, alone: null };
      },
    ),
  ] as const;
};
