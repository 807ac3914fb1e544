/** The phases of a round, as they are told: each says which of how many it is. */
import type { Emit } from '../core/events.ts';

export type Phase =
  | 'break'
  | 'curate'
  | 'train sft'
  | 'train dpo'
  | `train ${'sft' | 'dpo'}: ${string}`
  | 'choose'
  | 'attack'
  | 'verify'
  | 'replay';
export type TellPhase = (phase: Phase, status?: 'start' | 'skipped') => void;

export function phaseTeller(phases: readonly Phase[], emit: Emit): TellPhase {
  return (stage, status = 'start') => {
    const phase = { number: phases.indexOf(stage) + 1, of: phases.length, names: phases };
    const detail = status === 'skipped' ? { detail: 'from the store' } : {};
    emit({ type: 'stage', stage, status, phase, ...detail });
  };
}
