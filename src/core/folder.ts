/** Folders of results that appear whole or not at all, and never take anything else with them. */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { TemperError } from './errors.ts';
import { attempt, ensureFolder, ensureWritableFolder } from './files.ts';
import { placeOf, replace } from './replace.ts';

/**
 * Errors: `usage` if something lies at `directory` that is not a folder with nothing but files of these names.
 */
function checkReplaceable(directory: string, names: readonly string[]): void {
  if (!existsSync(directory)) return;
  const hint = 'Choose a new name: what lies there would be replaced.';
  if (!statSync(directory).isDirectory())
    throw new TemperError('usage', `${directory} exists and is not a folder`, { hint });
  const other = readdirSync(directory).find((name) => !names.includes(name));
  if (other !== undefined)
    throw new TemperError('usage', `${directory} holds something else: ${other}`, { hint });
}

/** Finds out before the work whether `replaceFolder` can be done. Errors: its own. */
export function ensureReplaceable(directory: string, names: readonly string[]): void {
  checkReplaceable(directory, names);
  ensureWritableFolder(dirname(attempt(`write the folder ${directory}`, () => placeOf(directory))));
}

/**
 * Lets `write` fill a new folder, which then takes the place of `directory`. Names are what such a folder may hold.
 * Errors: those of `checkReplaceable` and of `write`, and `resource`, after which all is as it was.
 */
export function replaceFolder(
  directory: string,
  names: readonly string[],
  write: (folder: string) => void,
): void {
  checkReplaceable(directory, names);
  attempt(`write the folder ${directory}`, () => {
    const place = placeOf(directory);
    ensureFolder(dirname(place));
    replace(place, (fresh) => {
      mkdirSync(fresh);
      write(fresh);
    });
  });
}
