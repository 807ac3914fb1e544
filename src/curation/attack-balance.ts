/** How often an attack is declined, as against answered. */
import type { PreferenceExample } from '../core/records.ts';

/**
 * Keeps an attack from becoming the reason to decline: around requests for harm it may be declined as often as it is
 * answered around harmless ones. Requests without an attack are not limited.
 */
export class AttackBalance {
  readonly #attackOf: (item: PreferenceExample) => string | undefined;
  readonly #room = new Map<string, number>();

  constructor(attackOf: (item: PreferenceExample) => string | undefined) {
    this.#attackOf = attackOf;
  }

  #add(item: PreferenceExample, count: 1 | -1): number {
    const attack = this.#attackOf(item);
    if (attack === undefined) return 0;
    const room = (this.#room.get(attack) ?? 0) + count;
    this.#room.set(attack, room);
    return room;
  }

  answer(item: PreferenceExample): void {
    this.#add(item, 1);
  }

  /** Counts a decline, and says whether there was room for it. */
  decline(item: PreferenceExample): boolean {
    return this.#add(item, -1) >= 0;
  }
}
