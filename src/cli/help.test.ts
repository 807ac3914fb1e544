import { Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { COMMAND, typed, withHelp } from './help.ts';

function toldBy(...args: string[]): string {
  let told = '';
  const root = new Command('root').exitOverride();
  root.addCommand(
    new Command('judge')
      .exitOverride()
      .addOption(new Option('--metric <metric>').choices(['refusal', 'severity']).makeOptionMandatory())
      .requiredOption('--out <file>'),
  );
  withHelp(
    root,
    () => {},
    (text) => (told += text),
  );
  expect(() => root.parse(['judge', ...args], { from: 'user' })).toThrow();
  return told;
}

test('a missing option that has choices names them', () => {
  expect(toldBy()).toBe(
    "error: required option '--metric <metric>' not specified: one of refusal, severity\n",
  );
  expect(toldBy('--metric', 'refusal')).toBe("error: required option '--out <file>' not specified\n");
  expect(toldBy('--metric', 'x', '--out', 'y')).toContain('Allowed choices are refusal, severity');
});

test('a command that a text names is told as it has to be typed', () => {
  expect(typed('Use `temper run`.')).toBe(`Use \`${COMMAND} run\`.`);
  expect(typed('the temper run of a file')).toBe('the temper run of a file');
});
