/** Training: loss, margins and speed step by step, and the candidates that came of it. */
import { useCallback, useMemo } from 'react';
import { useApi } from '../api.ts';
import { useLive } from '../live.ts';
import { Chart, COLOURS, type Plot } from '../ui/chart.tsx';
import { Empty, Loaded, Loading, number, Page, Problem, short, Tag, words } from '../ui/parts.tsx';
import { RunChoice, useRun } from '../ui/run-choice.tsx';
import { Samples } from '../ui/samples.tsx';
import { Frontier } from './scorecard.tsx';
import type { LoggedEvent } from '../../../src/loop/event-log.ts';
import { trainingOf } from '../../../src/server/newest.ts';
import type { TrainingCurve } from '../../../src/server/training-curves.ts';

type Step = Readonly<Record<string, number>>;

const NONE: readonly TrainingCurve[] = [];
/** Trainings whose names are abbreviations; others are told as they are named. */
const SHORT: Readonly<Record<string, string>> = { sft: 'SFT', dpo: 'DPO' };

/** Groups of curves on one pair of axes: their names in the file, and how they are told. */
const CHARTS = [
  {
    title: 'Loss',
    names: ['loss', 'eval_loss'],
    label: 'loss',
    help: 'Training batches, and examples kept out of them where the recipe keeps some.',
  },
  {
    title: 'Rewards',
    names: ['rewards/chosen', 'rewards/rejected'],
    label: 'reward',
    help: 'beta times how much likelier than before an answer became. Chosen should stay up while rejected falls.',
  },
  {
    title: 'Margin',
    names: ['rewards/margins'],
    label: 'chosen - rejected',
    help: 'Grows as the pairs are told apart.',
  },
  {
    title: 'Pairs ranked right',
    names: ['rewards/accuracies'],
    label: 'share',
    help: 'Of the batch: 1 is all.',
  },
  {
    title: 'Log-probabilities',
    names: ['logps/chosen', 'logps/rejected'],
    label: 'nats an answer',
    help: 'Sums over the tokens of an answer: long answers are less likely.',
  },
  { title: 'Learning rate', names: ['learning_rate'], label: 'rate', help: '' },
  { title: 'Gradient norm', names: ['grad_norm'], label: 'norm', help: 'Before clipping.' },
  { title: 'Tokens a second', names: ['tokens/s'], label: 'tokens/s', help: '' },
] as const;

/** Short, however small: what a first step changes is. */
const tick = (value: number): string =>
  value === 0 || Math.abs(value) >= 0.001
    ? Number(value.toPrecision(4)).toLocaleString('en')
    : value.toExponential(1);

const colourOf = (name: string): string => (/rejected|eval/.test(name) ? COLOURS.before : COLOURS.after);

function Curve({
  steps,
  names: wanted,
  title,
  label,
  help,
}: {
  steps: readonly Step[];
  names: readonly string[];
  title: string;
  label: string;
  help: string;
}) {
  const names = wanted.filter((name) => steps.some((step) => step[name] !== undefined));
  const key = names.join();
  const draw = useCallback(
    (plot: Plot) => {
      const points = names.flatMap((name) =>
        steps.flatMap((step) =>
          step[name] === undefined ? [] : [{ step: step['step']!, value: step[name], name }],
        ),
      );
      // One step has no length: the axes begin at zero then.
      const alone = new Set(points.map(({ step }) => step)).size === 1;
      const most = Math.max(0, ...points.map(({ value }) => value));
      const least = Math.min(0, ...points.map(({ value }) => value));
      return {
        marginLeft: 60,
        x: {
          label: 'step',
          grid: false,
          nice: true,
          ...(alone ? { domain: [0, points[0]!.step + 1], ticks: [points[0]!.step] } : {}),
          tickFormat: 'd',
        },
        y: {
          label,
          grid: true,
          nice: true,
          ...(alone ? { domain: most === least ? [0, 1] : [least, most] } : {}),
          tickFormat: label === 'rate' ? '.1e' : tick,
        },
        marks: [
          ...names.map((name) =>
            plot.lineY(
              points.filter((point) => point.name === name),
              { x: 'step', y: 'value', stroke: colourOf(name), strokeWidth: 1.5 },
            ),
          ),
          ...(points.length < 40
            ? [
                plot.dot(points, {
                  x: 'step',
                  y: 'value',
                  r: 2,
                  fill: (point: (typeof points)[number]) => colourOf(point.name),
                }),
              ]
            : []),
          plot.tip(
            points,
            plot.pointerX({
              x: 'step',
              y: 'value',
              title: (point: (typeof points)[number]) =>
                `step ${point.step}\n${point.name} ${Number(point.value.toPrecision(4))}`,
            }),
          ),
        ],
      };
    },
    // oxlint-disable-next-line react/exhaustive-deps -- `key` stands for the names
    [steps, key, label],
  );
  return (
    <section className="card">
      <h3>{title}</h3>
      <Chart
        label={`${title} by step`}
        draw={draw}
        height={200}
        caption={
          <>
            {names.length > 1
              ? names.map((name) => (
                  <span key={name} style={{ color: colourOf(name) }}>
                    {name}{' '}
                  </span>
                ))
              : null}
            {help}
          </>
        }
      />
    </section>
  );
}

function Curves({ curve }: { curve: TrainingCurve }) {
  const last = curve.steps.findLast((step) => step['loss'] !== undefined);
  return (
    <section aria-label={`Training: ${curve.name}`}>
      <h2>
        {SHORT[curve.name] ?? words(curve.name)}
        {curve.atWork ? (
          <>
            {' '}
            <Tag is="good">at work</Tag>
          </>
        ) : null}{' '}
        <small>
          {[
            ...(curve.id === '' ? [] : [short(curve.id)]),
            ...(last
              ? [
                  `${last['step']} of ${last['steps']} steps`,
                  `${number(Math.round(last['num_tokens'] ?? 0))} tokens`,
                ]
              : []),
          ].join(', ')}
        </small>
      </h2>
      {curve.steps.length === 0 ? (
        <div className="note">
          <p>
            {curve.atWork
              ? 'Its first step is under way.'
              : "Its file of metrics is not in the store's folder: the curves cannot be shown."}
          </p>
        </div>
      ) : (
        <div className="cards" style={{ marginBottom: 20 }}>
          {CHARTS.filter(({ names }) =>
            curve.steps.some((step) => names.some((name) => step[name] !== undefined)),
          ).map((chart) => (
            <Curve key={chart.title} steps={curve.steps} {...chart} />
          ))}
        </div>
      )}
    </section>
  );
}

/** Steps that a command told of each training of the run that it works on, by the names of their stages; and the one at work. */
function toldOf(events: readonly LoggedEvent[]): { told: Map<string, Step[]>; now: string | null } {
  const told = new Map<string, Step[]>();
  let now: string | null = null;
  for (const event of events.slice(events.findLastIndex(({ type }) => type === 'run') + 1))
    if (event.type === 'stage' && event.phase) now = trainingOf([event]);
    else if (event.type === 'metrics' && now !== null)
      told.set(now, [...(told.get(now) ?? []), event.values]);
  return { told, now };
}

/** Of a run at work its trainings with the steps that were told since the page asked for them. */
function useLiveCurves(run: string | undefined, curves: readonly TrainingCurve[]): readonly TrainingCurve[] {
  const { working, events } = useLive();
  return useMemo(() => {
    if (!working || working.run !== run) return curves;
    const { told, now } = toldOf(events);
    const finished = curves.filter(({ atWork }) => !atWork);
    const names = new Set([...told.keys(), ...(now === null ? [] : [now])]);
    const key = (step: Step): string => `${step['step']} ${step['eval_loss'] === undefined}`;
    const live = [...names].flatMap((name): TrainingCurve[] => {
      // What is finished was asked for since.
      if (finished.some((curve) => curve.name === name)) return [];
      const known = curves.find((curve) => curve.name === name);
      const seen = new Set(known?.steps.map(key));
      const more = (told.get(name) ?? []).filter((step) => !seen.has(key(step)));
      return [{ name, id: known?.id ?? '', atWork: name === now, steps: [...(known?.steps ?? []), ...more] }];
    });
    return [...finished, ...live];
  }, [run, curves, working, events]);
}

export function Training() {
  const { runs, all, id, choose } = useRun();
  const training = useApi(
    'GET /api/runs/:id/training',
    { params: { id: id ?? '' } },
    { enabled: id !== undefined, keep: true },
  );
  const curves = useLiveCurves(id, training.data?.curves ?? NONE);
  const shown = (curve: TrainingCurve) => <Curves key={curve.name} curve={curve} />;
  if (runs.isError)
    return (
      <Page title="Training">
        <Problem error={runs.error} retry={() => void runs.refetch()} />
      </Page>
    );
  if (!runs.data)
    return (
      <Page title="Training">
        <Loading />
      </Page>
    );
  return (
    <Page
      title="Training"
      lead="How each training went, step by step, and which candidate was chosen."
      actions={all.length > 1 ? <RunChoice all={all} id={id} choose={choose} /> : null}
    >
      {id === undefined ? (
        <Empty title="No run yet">
          <p>A run trains an adapter; its curves are shown here while it does.</p>
        </Empty>
      ) : (
        <Loaded query={training}>
          {({ selection, recipes }) => (
            <>
              {curves.filter(({ atWork }) => atWork).map(shown)}
              {selection ? (
                <section className="card">
                  <h2>The candidates</h2>
                  <Frontier selection={selection} />
                </section>
              ) : null}
              <Samples key={id} run={id} />
              {curves.length === 0 ? (
                <Empty title="Nothing was trained yet">
                  <p>This run has not come to its training, or nothing broke and there was nothing to fix.</p>
                </Empty>
              ) : null}
              {curves
                .filter(({ atWork }) => !atWork)
                .toReversed()
                .map(shown)}
              <details>
                <summary>Recipes</summary>
                <pre className="log" tabIndex={0}>
                  {JSON.stringify(recipes, null, 2)}
                </pre>
              </details>
            </>
          )}
        </Loaded>
      )}
    </Page>
  );
}
