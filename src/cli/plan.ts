import { Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { TemperError } from '../core/errors.ts';
import { makePlan, type Plan, type Question, type RoleCost } from '../metrics/plan.ts';
import { figure } from '../report/format.ts';
import { bounded, boundedShare, type CommonOptions, configOf, withCommon } from './context.ts';
import { printJson, say } from './output.ts';
import { duration } from './progress.ts';

interface PlanOptions extends CommonOptions, Omit<Question, 'before' | 'after' | 'alpha' | 'icc'> {
  readonly base: number;
  readonly reduction?: number;
  readonly difference?: number;
  readonly alpha?: number;
  readonly icc?: number;
  readonly unscored: number;
  readonly judgeCalls: number;
  readonly simulatorCalls: number;
  readonly tokens?: readonly [number, number];
  readonly judgeTokens: readonly [number, number];
  readonly simulatorTokens: readonly [number, number];
  readonly price?: readonly [number, number];
  readonly judgePrice?: readonly [number, number];
  readonly simulatorPrice?: readonly [number, number];
  readonly rate?: number;
}

const open = boundedShare(z.number().gt(0).lt(1));
const share = boundedShare(z.number().min(0).max(1));
const amount = bounded(z.number().min(0));

/** `400,64` */
function pair(text: string): readonly [number, number] {
  const parts = text.split(',');
  if (parts.length !== 2) throw new InvalidArgumentError('Give two numbers: input,output.');
  return parts.map(amount) as unknown as readonly [number, number];
}

/** Errors: `usage` unless the share after is told in exactly one way. */
function questionOf(options: PlanOptions, alpha: number): Question {
  const { base, reduction, difference } = options;
  if ((reduction === undefined) === (difference === undefined))
    throw new TemperError('usage', 'how large a change? Give one of --reduction and --difference', {
      hint: 'For example: temper plan --base 0.12 --reduction 0.5',
    });
  const after = reduction === undefined ? base - (difference as number) : base * (1 - reduction);
  if (!(after >= 0 && after <= 1))
    throw new TemperError(
      'usage',
      `a change of ${difference} leaves no share: ${base} would become ${after}`,
      {
        hint: 'A fall is positive and at most --base; a rise is negative.',
      },
    );
  const { power, sensitivity, specificity, paired, correlation, turns, designEffect, unscored } = options;
  const counted = { turns, icc: options.icc ?? null, designEffect, unscored };
  return { before: base, after, alpha, power, sensitivity, specificity, paired, correlation, ...counted };
}

const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });

function told(question: Question, plan: Plan): string {
  const { before, after, alpha, power, paired, correlation, turns, icc, sensitivity, specificity } = question;
  const judge =
    sensitivity === 1 && specificity === 1
      ? 'taken as never wrong; --sensitivity and --specificity say how often it errs'
      : `sensitivity ${sensitivity}, specificity ${specificity}: it finds ${figure(plan.seen.before, 'share')} and ${figure(plan.seen.after, 'share')}`;
  const unit = icc === null ? 'conversations' : `single answers, correlation within a conversation ${icc}`;
  const more = [
    ...(question.designEffect === 1 ? [] : [`design effect ${question.designEffect}`]),
    ...(question.unscored === 0
      ? []
      : [`${figure(question.unscored, 'share')} unscored${paired ? ' in each arm' : ''}`]),
  ];
  const lines: [string, string][] = [
    [
      'change',
      `${figure(before, 'share')} to ${figure(after, 'share')}, two-sided level ${alpha}, power ${power}`,
    ],
    ['judge', judge],
    ['counted', [unit, ...more].join(', ')],
    [
      paired ? 'pairs' : 'each arm',
      `${number(plan.perArm)}${paired ? `, the same scenario before and after; correlation ${correlation}` : ' conversations, on scenarios of its own'}`,
    ],
    [
      'in all',
      `${number(plan.conversations)} conversations, ${number(plan.answers)} answers (${turns} a conversation)`,
    ],
  ];
  const money = (dollars: number | null): string => (dollars === null ? '' : `  $${dollars.toFixed(2)}`);
  const roles = Object.entries(plan.roles).map(
    ([name, { calls, inputTokens, outputTokens, dollars }]): [string, string] => [
      name,
      calls === 0
        ? 'no calls'
        : `${number(calls)} calls, ${number(inputTokens)} tokens in, ${number(outputTokens)} out${money(dollars)}`,
    ],
  );
  const known = Object.values(plan.roles).some(({ dollars }) => dollars !== null && dollars > 0);
  return [
    ...lines,
    ...roles,
    ...(plan.dollars !== null && known ? [['cost', `$${plan.dollars.toFixed(2)}`] as [string, string]] : []),
    ...(plan.seconds === null ? [] : [['time', `about ${duration(plan.seconds)}`] as [string, string]]),
  ]
    .map(([name, text]) => `${name.padEnd(10)} ${text}\n`)
    .join('');
}

const EXAMPLES = `
Examples:
  temper plan --base 0.12 --reduction 0.5
  temper plan --base 0.12 --difference 0.06 --correlation 0.4 --sensitivity 0.85 --specificity 0.95
  temper plan --base 0.3 --reduction 0.3 --turns 3 --icc 0.2 --tokens 400,64 --price 0.15,0.6 --rate 120
  temper plan --base 0.1 --reduction 0.5 --unpaired --judge-calls 2 --judge-price 2.5,10 --json`;

export function planCommand(): Command {
  return withCommon(new Command('plan'))
    .description('How many conversations a difference needs, and what they take')
    .addOption(
      new Option('--base <share>', 'rate that is expected before, 0 to 1')
        .argParser(open)
        .makeOptionMandatory(),
    )
    .option('--reduction <share>', 'fall to be seen, as a share of it (0.5: half of it goes)', share)
    .option(
      '--difference <share>',
      'the same as a difference (0.06: six points; negative: a rise)',
      boundedShare(z.number().min(-1).max(1)),
    )
    .option('--alpha <level>', 'two-sided level (default: gate.alpha of the configuration)', open)
    .option('--power <share>', 'chance to see it, above half of the level', open, 0.8)
    .option('--sensitivity <share>', 'of the judge, on what is counted', share, 1)
    .option('--specificity <share>', 'of the judge, on what is counted', share, 1)
    .option('--unpaired', 'other scenarios in each arm')
    .option(
      '--correlation <r>',
      'of the outcomes of a pair; 0 is the cautious choice',
      bounded(z.number().min(-1).max(1)),
      0,
    )
    .option('--turns <n>', 'answers of a conversation', bounded(z.int().min(1)), 1)
    .option(
      '--icc <r>',
      'count single answers, which in a conversation correlate so (else conversations count)',
      share,
    )
    .option(
      '--design-effect <factor>',
      'factor for samples that are alike, as several of one scenario',
      bounded(z.number().min(1)),
      1,
    )
    .option(
      '--unscored <share>',
      'share that will be unscored in each arm; of a pair both must be scored',
      boundedShare(z.number().min(0).lt(1)),
      0,
    )
    .option('--judge-calls <n>', 'calls of the judge for an answer; the embedded judge needs none', amount, 0)
    .option(
      '--simulator-calls <n>',
      'calls of the simulator for a turn; the scripted one needs none',
      amount,
      0,
    )
    .option('--tokens <in,out>', 'tokens of a call of the target (default: 300 and target.maxTokens)', pair)
    .addOption(
      new Option('--judge-tokens <in,out>', 'of a call of the judge')
        .argParser(pair)
        .default([900, 150], '900,150'),
    )
    .addOption(
      new Option('--simulator-tokens <in,out>', 'of a call of the simulator')
        .argParser(pair)
        .default([600, 80], '600,80'),
    )
    .option('--price <in,out>', 'dollars for a million tokens of the target (default: target.price)', pair)
    .option('--judge-price <in,out>', 'of the judge', pair)
    .option('--simulator-price <in,out>', 'of the simulator', pair)
    .option('--rate <n>', 'tokens generated a second, over all calls', bounded(z.number().gt(0)))
    .addHelpText('after', EXAMPLES)
    .action((options: PlanOptions & { unpaired?: boolean }) => {
      const { gate, target } = configOf(options);
      const question = questionOf({ ...options, paired: !options.unpaired }, options.alpha ?? gate.alpha);
      const role = (
        perTurn: number,
        [input, output]: readonly [number, number],
        price: readonly [number, number] | undefined,
      ): RoleCost => ({
        perTurn,
        input,
        output,
        price: price && { input: price[0], output: price[1] },
      });
      const own = target.price && ([target.price.input, target.price.output] as const);
      const roles = {
        target: role(1, options.tokens ?? [300, target.maxTokens], options.price ?? own),
        simulator: role(options.simulatorCalls, options.simulatorTokens, options.simulatorPrice),
        judge: role(options.judgeCalls, options.judgeTokens, options.judgePrice),
      };
      const plan = planOrRefuse(question, roles, options.rate);
      if (options.json) printJson({ question, ...plan });
      else say(told(question, plan));
    });
}

/** Errors: `usage` for what cannot be planned. */
function planOrRefuse(...parts: Parameters<typeof makePlan>): Plan {
  try {
    return makePlan(...parts);
  } catch (error) {
    if (error instanceof RangeError) throw new TemperError('usage', error.message, { cause: error });
    throw error;
  }
}
