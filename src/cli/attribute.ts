import { Command, InvalidArgumentError, Option } from 'commander';
import { attribute } from '../loop/attribute.ts';
import { GROUP_BY, type GroupBy } from '../loop/attribution-groups.ts';
import { attributionText } from './attribution-text.ts';
import {
  type CommonOptions,
  configOf,
  existingStore,
  integer,
  real,
  withCommon,
  withProgress,
} from './context.ts';
import { printJson, say } from './output.ts';

interface Options extends CommonOptions {
  readonly by: GroupBy;
  readonly groups: number;
  readonly share: number;
  readonly scenarios: number;
}

const atLeastOne = (value: string): number => {
  if (integer(value) > 0) return Number(value);
  throw new InvalidArgumentError('Give a whole number of at least 1.');
};

const share = (value: string): number => {
  const number = real(value);
  if (number > 0 && number <= 1) return number;
  throw new InvalidArgumentError('Give a number above 0 and at most 1.');
};

export function attributeCommand(): Command {
  return withCommon(new Command('attribute'))
    .description(
      'Which data moved what: train on the data of a finished round without one group at a time, and ask held-out dev scenarios',
    )
    .argument('[run]', 'id of the run, or its beginning (default: the last finished one)')
    .addOption(
      new Option('--by <what>', 'groups of what is declined; source: of all by where they come from')
        .choices([...GROUP_BY])
        .default('category'),
    )
    .option('--groups <n>', 'the largest so many are left out, one at a time', atLeastOne, 6)
    .option('--share <share>', "of the round's epochs, for each training", share, 0.5)
    .option('--scenarios <n>', 'held-out dev scenarios of each kind, at most', atLeastOne, 120)
    .addHelpText(
      'after',
      '\nExamples:\n  temper attribute\n  temper attribute RUN --by cluster --groups 10 --share 1 --json',
    )
    .action(async (run: string | undefined, options: Options) => {
      const config = configOf(options);
      await existingStore(config)[Symbol.asyncDispose]();
      const { by, groups, share: epochs, scenarios } = options;
      const result = await withProgress((tools) =>
        attribute(config, { run, by, groups, share: epochs, scenarios }, tools),
      );
      if (options.json) printJson(result);
      else say(`${attributionText(result)}\n`);
    });
}
