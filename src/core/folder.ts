/** Folders of results that appear whole or not at all, and never take anything else with them. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { TemperError } from './errors.ts';

/**
 * Errors: `usage` if something lies at `directory` that is not a folder with nothing but files of these names.
 */
export function checkReplaceable(directory: string, names: readonly string[]): void {
  if (!existsSync(directory)) return;
  const hint = 'Choose a new name: what lies there would be replaced.';
  if (!statSync(directory).isDirectory())
    throw new TemperError('usage', `${directory} exists and is not a folder`, { hint });
  const other = readdirSync(directory).find((name) => !names.includes(name));
  if (other !== undefined)
    throw new TemperError('usage', `${directory} holds something else: ${other}`, { hint });
}

/**
 * Lets `write` fill a new folder, which then takes the place of `directory`. Names are what such a folder may hold.
 * Errors: those of `checkReplaceable` and of `write`, after which all is as it was.
 */
export function replaceFolder(
  directory: string,
  names: readonly string[],
  write: (folder: string) => void,
): void {
  checkReplaceable(directory, names);
  const [fresh, old] = [`${directory}.tmp`, `${directory}.old`];
  const remove = (path: string): void => rmSync(path, { recursive: true, force: true });
  remove(fresh); // what a killed run left
  try {
    mkdirSync(fresh, { recursive: true });
    write(fresh);
    remove(old);
    if (existsSync(directory)) renameSync(directory, old);
    renameSync(fresh, directory);
  } catch (error) {
    remove(fresh);
    throw error;
  }
  remove(old);
}
