/** What a run cost: the calls of its models and the time of work, over all the commands that worked on it. */
import type { ModelRole, Usage } from '../models/usage.ts';
import type { Store } from '../store/store.ts';

/** Stage under which a run keeps it. */
export const USAGE = 'usage';

export type RoleUsage = Readonly<Partial<Record<ModelRole, Readonly<Usage>>>>;

export interface RunUsage {
  /** Of work; a command that was killed could not tell its own. */
  readonly seconds: number;
  /** Empty where no model was called. */
  readonly roles: RoleUsage;
}

const combined = (a: RoleUsage, b: RoleUsage, sign: 1 | -1): RoleUsage =>
  Object.fromEntries(
    ([...new Set([...Object.keys(a), ...Object.keys(b)])] as ModelRole[]).map((role) => {
      const counts = { ...(a[role] ?? b[role]) } as Record<string, number>;
      for (const name of Object.keys(counts))
        counts[name] =
          ((a[role] as Record<string, number> | undefined)?.[name] ?? 0) +
          sign * ((b[role] as Record<string, number> | undefined)?.[name] ?? 0);
      return [role, counts as unknown as Usage];
    }),
  );

const called = (roles: RoleUsage): boolean =>
  Object.values(roles).some(({ calls, cached }) => calls + cached > 0);

/** Does the work and adds what it used to what the run used before, also where it fails or is stopped. */
export async function metered<T>(
  store: Store,
  { run, finished }: { readonly run: string; readonly finished: boolean },
  usage: () => RoleUsage,
  work: () => Promise<T>,
): Promise<T> {
  const [begun, started] = [usage(), performance.now()];
  try {
    return await work();
  } finally {
    const roles = combined(usage(), begun, -1);
    // A finished run that is read again costs nothing, unless calls that had failed are made.
    if (!finished || called(roles)) {
      const before = (await store.stage(run, USAGE)) as RunUsage | null;
      const seconds = (before?.seconds ?? 0) + (performance.now() - started) / 1000;
      await store.finishStage(run, USAGE, {
        seconds: Math.round(seconds * 10) / 10,
        roles: combined(before?.roles ?? {}, roles, 1),
      } satisfies RunUsage);
    }
  }
}
