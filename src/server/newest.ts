/** The newest of what a command told, where there is much of it. */
import type { LoggedEvent } from '../loop/event-log.ts';

/** Says where the command stands, however long ago it was told: its run, and the phases that it began. */
const stands = (event: LoggedEvent): boolean =>
  event.type === 'run' || (event.type === 'stage' && event.phase !== undefined);

/** The last `most` events, and of those before them the ones that say where it stands. */
export function newest(events: readonly LoggedEvent[], most: number): readonly LoggedEvent[] {
  const from = events.length - most;
  return from <= 0 ? events : [...events.slice(0, from).filter(stands), ...events.slice(from)];
}

/** The phase that was begun last. */
export function phaseOf(events: readonly LoggedEvent[]) {
  const event = events.findLast((each) => each.type === 'stage' && each.phase !== undefined);
  return event?.type === 'stage' ? event : null;
}

/** The training that such a phase is, by the name of its stage: `sft` of `train sft`; null where it is none, or was passed over. */
export function trainingOf(events: readonly LoggedEvent[]): string | null {
  const phase = phaseOf(events);
  const [, name] = /^train (.+)$/.exec(phase?.stage ?? '') ?? [];
  return phase?.status === 'start' && name !== undefined ? name : null;
}
