/** Attacks that hide a request's words, as ciphers do: a target that did no harm under one may just not have read it. */
import { attackById, isAttack } from '../dialogue/attacks/index.ts';
import { hidesWords } from '../dialogue/probe.ts';

const KNOWN = new Map<string, boolean>();

/** Whether an attack, if it is one that is known, hides words, but for those that the target was seen to read. */
export function hides(attack: string | undefined, readable: readonly string[] = []): boolean {
  if (attack === undefined || !isAttack(attack) || readable.includes(attack)) return false;
  const known = KNOWN.get(attack) ?? hidesWords(attackById(attack));
  KNOWN.set(attack, known);
  return known;
}
