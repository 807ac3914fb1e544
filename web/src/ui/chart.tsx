/** A chart of Observable Plot, which is fetched when the first one is shown. */
import type * as PlotModule from '@observablehq/plot';
import { type ReactNode, useEffect, useRef, useState } from 'react';

export type Plot = typeof PlotModule;

/** The same for all charts: the policy of the server knows Plot's style sheet by its hash. */
const CLASS = 'plot-temper';

export function Chart({
  label,
  caption,
  draw,
  height = 240,
}: {
  label: string;
  caption?: ReactNode;
  draw: (plot: Plot) => PlotModule.PlotOptions;
  height?: number;
}) {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [plot, setPlot] = useState<Plot | null>(null);
  useEffect(() => {
    void import('@observablehq/plot').then(setPlot);
    const element = place.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = place.current;
    if (!plot || !element || width === 0) return;
    const drawn = plot.plot({
      width: Math.min(width, 720),
      height,
      className: CLASS,
      marginLeft: 48,
      ...draw(plot),
    });
    for (const svg of drawn.matches('svg') ? [drawn] : drawn.querySelectorAll('svg')) {
      svg.setAttribute('role', 'img');
      svg.setAttribute('aria-label', label);
      // The whole is one image with one name: names of its parts are for nobody.
      for (const part of svg.querySelectorAll('[aria-label], [aria-description]')) {
        part.removeAttribute('aria-label');
        part.removeAttribute('aria-description');
      }
    }
    element.replaceChildren(drawn);
  }, [plot, width, draw, height, label]);
  return (
    <figure>
      <div ref={place} style={{ minHeight: height }} />
      {caption ? <figcaption>{caption}</figcaption> : null}
    </figure>
  );
}

export const COLOURS = {
  before: 'var(--before)',
  after: 'var(--after)',
  soft: 'var(--soft)',
  ink: 'var(--ink)',
  bad: 'var(--bad)',
} as const;
