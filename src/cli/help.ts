/** Help whose examples can be pasted, and which says what is required. */
import { type Command, Help, type Option } from 'commander';

/** What a user types: in a checkout, the sources run, and `temper` is on nobody's path. */
export const COMMAND = import.meta.url.endsWith('.ts') ? 'bin/temper' : 'temper';

/** `temper` at the beginning of a command that a text shows, as it has to be typed. */
export const typed = (text: string): string =>
  text.replace(/(^ +|`|\$\(|&& )temper (?=[a-z-])/gm, `$1${COMMAND} `);

/** A missing option says what it may be, as a wrong one does. */
function withChoices({ options }: Command, text: string): string {
  const missing = options.find(
    ({ flags, argChoices }) => argChoices && text.includes(`required option '${flags}'`),
  );
  return missing ? text.replace(/\n/, `: one of ${missing.argChoices!.join(', ')}\n`) : text;
}

/** For a command and all below it. */
export function withHelp(command: Command, write: (text: string) => void, complain: (text: string) => void) {
  command.configureOutput({
    writeOut: (text) => write(typed(text)),
    writeErr: complain,
    outputError: (text, tell) => tell(withChoices(command, text)),
  });
  command.configureHelp({
    optionDescription: (option: Option) =>
      `${new Help().optionDescription(option).replace(' (default: [])', '')}${option.mandatory ? ' (required)' : ''}`,
  });
  for (const each of command.commands) withHelp(each, write, complain);
}
