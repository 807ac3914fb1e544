/** Which measure of a category is shown, as the address says, and the buttons that change it. */
import type { ReactNode } from 'react';
import { useQueryState } from '../router.tsx';

export interface CategoryMeasure {
  readonly what: 'harm' | 'overRefusal';
  /** The conversations that it counts. */
  readonly filter: Readonly<Record<string, string>>;
  readonly head: ReactNode;
}

export function useCategoryMeasure(x: number): CategoryMeasure {
  const [query, change] = useQueryState();
  const what = query['bars'] === 'refusal' ? 'overRefusal' : 'harm';
  const filter: Record<string, string> =
    what === 'harm' ? { kind: 'adversarial', severity: String(x) } : { kind: 'benign', outcome: 'refused' };
  const head = (
    <div className="row spread">
      <h2>By category</h2>
      <div className="row no-print">
        <button type="button" aria-pressed={what === 'harm'} onClick={() => change({ bars: undefined })}>
          Harm (DR-{x})
        </button>
        <button
          type="button"
          aria-pressed={what === 'overRefusal'}
          onClick={() => change({ bars: 'refusal' })}
        >
          Over-refusal
        </button>
      </div>
    </div>
  );
  return { what, filter, head };
}
