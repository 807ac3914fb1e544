/** Where in a conversation its simulated user failed, for people. */
import type { InvalidSimulation } from './records.ts';

/** `off-category after turn 2`: what is known of the whole conversation; else of the message that was to come: `refused at turn 3`. */
export const placeOfInvalid = ({ kind, turn }: InvalidSimulation): string =>
  kind === 'off-category' ? `${kind} after turn ${turn}` : `${kind} at turn ${turn + 1}`;
