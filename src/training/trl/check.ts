/** What the `trl` backend lacks on this machine. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage } from '../../core/errors.ts';
import { REQUIREMENTS } from './job.ts';
import type { TrlSettings } from './settings.ts';

export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'missing';
  readonly detail: string;
}

/** Prints the version of each package, or null. */
const VERSIONS = `import json, sys
from importlib.metadata import PackageNotFoundError, version
def of(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
print(json.dumps({"python": sys.version.split()[0], "packages": {name: of(name) for name in sys.argv[1:]}}))`;

/** The pinned packages: name and version. */
export const pinned = (): (readonly [string, string])[] =>
  readFileSync(REQUIREMENTS, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const match = /^([\w-]+)==(\S+)/.exec(line);
      return match ? [[match[1] as string, match[2] as string] as const] : [];
    });

/** Looks for the interpreter and its packages. A job that is launched elsewhere needs them there, not here. */
export async function checkTrl(settings: TrlSettings): Promise<Check[]> {
  const { python, launch, accelerate } = settings;
  const needed = launch === null ? 'missing' : 'warning';
  const remote = launch === null ? '' : ' (needed where the job runs, not here)';
  const wanted = pinned();
  let found: { python: string; packages: Record<string, string | null> };
  try {
    const { stdout } = await promisify(execFile)(python, ['-c', VERSIONS, ...wanted.map(([name]) => name)]);
    found = JSON.parse(stdout) as typeof found;
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    const why = stderr.trim().split('\n').at(-1) || errorMessage(cause).split('\n')[0];
    const detail = `${python} does not start (${why}): set training.trl.python${remote}`;
    return [{ name: 'python', state: needed, detail }];
  }
  const packages = wanted.map(([name, version]): Check => {
    const present = found.packages[name] ?? null;
    if (present === null) return { name, state: needed, detail: `not installed; tested with ${version}` };
    // Local versions (2.15.0+cpu) are builds of the same.
    const same = present.split('+')[0] === version;
    return {
      name,
      state: same ? 'ok' : 'warning',
      detail: same ? present : `${present}; tested with ${version}`,
    };
  });
  const configuration: Check[] =
    accelerate === null
      ? []
      : [
          existsSync(accelerate)
            ? { name: 'accelerate file', state: 'ok', detail: accelerate }
            : {
                name: 'accelerate file',
                state: 'missing',
                detail: `${accelerate} is not there: accelerate config --config_file ${accelerate}`,
              },
        ];
  const complete = packages.every(({ state }) => state !== needed);
  const command = `${python} -m pip install -r ${relative('', REQUIREMENTS)}${remote}`;
  const install: Check[] = complete ? [] : [{ name: 'to mend', state: needed, detail: command }];
  return [
    { name: 'python', state: 'ok', detail: `${found.python} (${python})` },
    ...packages,
    ...install,
    ...configuration,
  ];
}
