import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Argument, Command, Option } from 'commander';
import { TemperError } from '../core/errors.ts';
import { Accounts, accountsPath, checkPassword, ROLES, type Role } from '../server/accounts.ts';
import { type CommonOptions, configOf, integer, withCommon } from './context.ts';
import { COMMAND } from './help.ts';
import { complain, printJson, say } from './output.ts';
import { Unseen } from './password.ts';

/** The first line of stdin; asked for twice, unseen, where a person types it. */
async function passwordFor(name: string): Promise<string> {
  const { stdin } = process;
  if (!stdin.isTTY) {
    for await (const line of createInterface({ input: stdin })) return line;
    throw new TemperError('usage', 'there is no password on stdin', {
      hint: 'Write it there as one line, or run the command in a terminal, which asks.',
    });
  }
  const unseen = new Unseen({ input: stdin, say: complain });
  const first = await unseen.line(`password for ${name}: `);
  checkPassword(first, name);
  if ((await unseen.line('the same again: ')) === first) return first;
  throw new TemperError('usage', 'the two are not the same', { hint: 'Nothing was changed: try again.' });
}

const role = (): Argument => new Argument('<role>', 'what it may').choices([...ROLES]);

/** With the accounts of the configured folder. */
async function within(
  options: CommonOptions,
  work: (accounts: Accounts) => Promise<void> | void,
): Promise<void> {
  using accounts = new Accounts(configOf(options).directory);
  await work(accounts);
}

const told = (
  accounts: Accounts,
  options: CommonOptions,
  action: string,
  user: { name: string; role: Role },
) => {
  const { name } = user;
  accounts.log({ who: 'command line', role: '', action, subject: name, detail: user.role, outcome: 'done' });
  if (options.json) printJson({ name, role: user.role });
  else say(`${name}  ${user.role}  (${action})\n`);
};

const add = (): Command =>
  withCommon(new Command('add'))
    .description('Make an account; its password is asked for, or is the first line of stdin')
    .argument('<name>', 'how the person is called')
    .addOption(new Option('--role <role>', 'what it may').choices([...ROLES]).default('viewer'))
    .addHelpText(
      'after',
      '\nExamples:\n  temper users add ada --role admin\n  temper users add bo --role reviewer < password.txt',
    )
    .action((name: string, options: CommonOptions & { role: Role }) =>
      within(options, async (accounts) => {
        accounts.refuseName(name);
        const user = await accounts.add(name, options.role, await passwordFor(name));
        told(accounts, options, 'account added', user);
      }),
    );

const list = (): Command =>
  withCommon(new Command('list'))
    .description('The accounts with their roles')
    .action((options: CommonOptions) => {
      const { directory } = configOf(options);
      // Looking makes none.
      using accounts = existsSync(accountsPath(directory)) ? new Accounts(directory) : null;
      const users = (accounts?.users() ?? []).map(({ name, role: of, created }) => ({
        name,
        role: of,
        created,
      }));
      if (options.json) printJson(users);
      else if (users.length === 0)
        say(`no account yet: \`${COMMAND} users add NAME --role admin\` makes one\n`);
      else
        say(
          users
            .map(({ name, role: of, created }) => `${of.padEnd(10)}  ${created.slice(0, 10)}  ${name}\n`)
            .join(''),
        );
    });

const change = (): Command =>
  withCommon(new Command('role'))
    .description('Give an account another role; its sessions end')
    .argument('<name>', 'of the account')
    .addArgument(role())
    .action((name: string, to: Role, options: CommonOptions) =>
      within(options, (accounts) => told(accounts, options, 'role changed', accounts.setRole(name, to))),
    );

const password = (): Command =>
  withCommon(new Command('password'))
    .description('Give an account another password, asked for or from stdin; its sessions end')
    .argument('<name>', 'of the account')
    .action((name: string, options: CommonOptions) =>
      within(options, async (accounts) => {
        const known = accounts.known(name);
        const user = await accounts.setPassword(name, await passwordFor(known.name));
        told(accounts, options, 'password changed', user);
      }),
    );

const remove = (): Command =>
  withCommon(new Command('remove'))
    .description('Take an account away; its sessions end, what it did stays')
    .argument('<name>', 'of the account')
    .action((name: string, options: CommonOptions) =>
      within(options, (accounts) => told(accounts, options, 'account removed', accounts.remove(name))),
    );

const log = (): Command =>
  withCommon(new Command('log'))
    .description('Who did what in the web app, newest first')
    .option('--most <n>', 'entries at most', integer, 50)
    .option('--who <name>', 'of one account')
    .action((options: CommonOptions & { most: number; who?: string }) =>
      within(options, (accounts) => {
        const entries = accounts.entries({ who: options.who, limit: options.most });
        if (options.json) printJson(entries);
        else if (entries.length === 0) say('nothing was done yet\n');
        else
          say(
            entries
              .map(
                ({ at, who, action, subject, detail, outcome }) =>
                  `${at.slice(0, 19)}  ${who}  ${action}${subject === '' ? '' : `  ${subject}`}${detail === '' ? '' : `  ${detail}`}${outcome === 'done' ? '' : `  (${outcome})`}\n`,
              )
              .join(''),
          );
      }),
    );

export function usersCommand(): Command {
  const users = new Command('users')
    .description('Accounts of a shared web app: add, list, role, password, remove, log')
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nRoles, each with what those before it may:\n  viewer      looks\n  red-teamer  attacks by hand, makes findings, replays them\n  reviewer    labels, calibrates, decides on examples and findings\n  admin       starts and stops runs, reads the log\n\nExamples:\n  temper users add ada --role admin\n  temper serve --host 0.0.0.0',
    );
  for (const make of [add, list, change, password, remove, log])
    users.addCommand(make().showSuggestionAfterError().exitOverride());
  return users;
}
