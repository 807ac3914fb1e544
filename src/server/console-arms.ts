/** What can be asked by hand: the target as it is, what runs chose (the newest first), the candidates that no run did. */
import { BASE } from './chat.ts';
import type { ServerContext } from './context.ts';

export interface ConsoleArm {
  /** `base`, or the name of an adapter's folder. */
  readonly id: string;
  readonly label: string;
  /** Runs that chose it, the newest first. */
  readonly runs: readonly string[];
}

export async function consoleArms({
  store,
  chat,
}: Pick<ServerContext, 'store' | 'chat'>): Promise<ConsoleArm[]> {
  const chosen = new Map<string, string[]>();
  for (const { id, adapter } of await store.runs()) {
    const name = adapter?.split(/[/\\]/).at(-1);
    if (name !== undefined) chosen.set(name, [...(chosen.get(name) ?? []), id]);
  }
  const here = new Set(chat.adapters());
  const arms = [...chosen]
    .filter(([id]) => here.has(id))
    .map(([id, runs]) => ({ id, label: `chosen by run ${runs[0]!.slice(0, 8)}`, runs }));
  const rest = [...here]
    .filter((id) => !chosen.has(id))
    .sort()
    .map((id) => ({ id, label: 'candidate', runs: [] }));
  return [{ id: BASE, label: 'as it is', runs: [] }, ...arms, ...rest];
}
