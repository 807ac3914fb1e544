/** Which words of two texts are not in the other, by their longest common subsequence. */
import { printable } from '../../../src/core/limits.ts';
import { wordsOf } from './untrusted.tsx';

/** Words of each text; longer ones are shown without marks. */
const MOST = 1500;
/** Share of the shorter text that both have, at least. */
const LEAST_COMMON = 0.25;

export function changedWords(before: string, after: string): { before: boolean[]; after: boolean[] } | null {
  const clean = (text: string): string[] => wordsOf(printable(text, Infinity)).map((word) => word.trim());
  const [a, b] = [clean(before), clean(after)];
  if (a.length === 0 || b.length === 0 || a.length > MOST || b.length > MOST) return null;
  // common[i][j]: length of the longest common subsequence of a[i..] and b[j..].
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  // Marks on nearly every word tell nothing.
  if (common[0]! < LEAST_COMMON * Math.min(a.length, b.length)) return null;
  const marks = { before: a.map(() => true), after: b.map(() => true) };
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) {
      marks.before[i++] = false;
      marks.after[j++] = false;
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) i++;
    else j++;
  }
  return marks;
}
