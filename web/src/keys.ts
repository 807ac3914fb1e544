/** Keys: one map for a page, none while somebody writes. */
import { useEffect, useRef } from 'react';

const writes = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** `evenWriting`: keys that work in a field as well. */
export function useKeys(
  keys: Readonly<Record<string, (event: KeyboardEvent) => void>>,
  evenWriting: readonly string[] = [],
): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.metaKey || event.altKey) return;
      // A dialog has the keys to itself: Escape closes it, not what is below.
      if (document.querySelector('dialog[open]')) return;
      const name = `${event.ctrlKey ? 'ctrl+' : ''}${event.key}`;
      if (writes(event.target) && !evenWriting.includes(name)) return;
      const work = latest.current[name];
      if (!work) return;
      event.preventDefault();
      work(event);
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
    // oxlint-disable-next-line react/exhaustive-deps -- the list is a constant of its caller
  }, []);
}
