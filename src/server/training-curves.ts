/** The curves of a run's trainings, as many as it has: of those that are finished, and of the one at work. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerContext } from './context.ts';
import { trainingOf } from './newest.ts';

export interface TrainingCurve {
  /** As its stage is named: `sft` of `train-sft`. */
  readonly name: string;
  readonly id: string;
  readonly atWork: boolean;
  /** One line a step, with TRL's names; lines with eval_loss are of held-out examples. */
  readonly steps: readonly Readonly<Record<string, number>>[];
}

const STAGE = 'train-';
const FILE = '.metrics.jsonl';

/** Lines of a metrics file; one that is being written is left out. */
function metricsOf(path: string): Record<string, number>[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as Record<string, number>];
      } catch {
        return [];
      }
    });
}

/** Stages that a run has finished, in their order. */
export function finishedStages({ search }: ServerContext, run: string): { name: string; result: string }[] {
  const { database } = search.index;
  return database.prepare('select name, result from store.stages where run = ? order by rowid').all(run) as {
    name: string;
    result: string;
  }[];
}

/** Id of the training that writes now: its file is the newest, and of no training that is finished. */
function idAtWork(folder: string, since: number, finished: ReadonlySet<string>): string | null {
  if (!existsSync(folder)) return null;
  const written = readdirSync(folder)
    .filter((name) => name.endsWith(FILE) && !finished.has(name.slice(0, -FILE.length)))
    .map((name) => ({ id: name.slice(0, -FILE.length), at: statSync(join(folder, name)).mtimeMs }))
    .filter(({ at }) => at >= since)
    .sort((a, b) => b.at - a.at);
  return written[0]?.id ?? null;
}

export function trainingCurves(context: ServerContext, run: string): TrainingCurve[] {
  const folder = join(context.config.directory, 'adapters');
  const curve = (name: string, id: string, atWork: boolean): TrainingCurve => ({
    name,
    id,
    atWork,
    steps: metricsOf(join(folder, `${id}${FILE}`)),
  });
  const curves: TrainingCurve[] = [];
  for (const { name, result } of finishedStages(context, run)) {
    const last = name.startsWith(STAGE) ? (JSON.parse(result) as { id: string }[]).at(-1)?.id : undefined;
    if (last !== undefined)
      curves.push(curve(name.slice(STAGE.length), last.slice(0, last.lastIndexOf('-')), false));
  }
  const { working, events } = context.live;
  const now = working?.run === run ? trainingOf(events) : null;
  if (working && now !== null) {
    const id = idAtWork(folder, Date.parse(working.since), new Set(curves.map((each) => each.id)));
    if (id !== null) curves.push(curve(now, id, true));
  }
  return curves;
}
