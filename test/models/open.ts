/** A remote model with all its middleware, in this process, with pauses that take no time. */
import { Budget } from '../../src/models/budget.ts';
import { openRemote, type RemoteModel } from '../../src/models/remote.ts';
import { Secrets } from '../../src/models/secrets.ts';
import { callsSchema, connectionSchema } from '../../src/models/settings.ts';
import { createTarget, type Reply } from '../../src/models/target.ts';
import { Meter, type Usage } from '../../src/models/usage.ts';

export interface Opened extends Disposable {
  readonly remote: RemoteModel;
  readonly usage: () => Usage;
  /** Pauses that were asked for, milliseconds. */
  readonly pauses: readonly number[];
  ask(prompt: string, system?: string): Promise<Reply>;
}

/** Errors: those of `openRemote`. */
export async function open(
  connection: Record<string, unknown>,
  {
    environment = {},
    calls = {},
  }: { environment?: Record<string, string>; calls?: Record<string, unknown> } = {},
): Promise<Opened> {
  const meter = new Meter();
  const pauses: number[] = [];
  const settings = callsSchema.parse(calls);
  const remote = await openRemote(connectionSchema.parse(connection), {
    role: 'target',
    calls: settings,
    secrets: new Secrets((name) => environment[name], Object.keys(environment)),
    meter,
    budget: new Budget(settings.budget),
    delay: (milliseconds) => Promise.resolve(void pauses.push(milliseconds)),
  });
  const decoding = { temperature: 0.5, topP: 1, maxTokens: 9 };
  const target = createTarget(remote.model, { model: remote.id, decoding });
  return {
    remote,
    pauses,
    usage: () => meter.of('target'),
    ask: (prompt, system) =>
      target.respond(
        [
          ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
          { role: 'user', content: prompt },
        ],
        { seed: 7, maxTokens: 9 },
      ),
    [Symbol.dispose]: () => remote[Symbol.dispose](),
  };
}
