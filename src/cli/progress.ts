/** Events as lines on stderr: one live line a stage on a terminal, a plain line now and then elsewhere. */
import { styleText } from 'node:util';
import type { Emit, ProgressEvent, TemperEvent } from '../core/events.ts';
import { printable, printableInLine } from '../core/limits.ts';
import { wrapped } from '../report/format.ts';

const PLAIN_EVERY_MS = 10_000;
const LIVE_EVERY_MS = 100;
const BAR = 24;
const WIDTH = 98;

const two = (n: number): string => String(n).padStart(2, '0');

/** `47 s`, `7 min 05 s`, `1 h 07 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

const pace = (rate: number, unit: string): string =>
  unit === 'bytes' ? `${(rate / 1e6).toFixed(1)} MB/s` : `${rate.toFixed(rate < 10 ? 2 : 0)}/s`;

const amount = (value: number, unit: string): string =>
  unit === 'bytes' ? `${(value / 1e6).toFixed(0)} MB` : String(value);

export const colourWanted = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && !process.env['NO_COLOR'];

/** An emitter that writes to `stream`. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Emit & { end(): void } {
  const live = stream.isTTY === true;
  const colour = colourWanted(stream);
  let stage = '';
  let startedAt = 0;
  let startedWith = 0;
  let shownAt = 0;
  let open = false;
  const clear = (): void => {
    if (open) stream.write('\r\u001B[K');
    open = false;
  };
  const line = (text: string): void => {
    clear();
    stream.write(`${text}\n`);
  };
  const progress = (event: ProgressEvent): void => {
    const now = performance.now();
    if (event.stage !== stage) {
      stage = event.stage;
      startedAt = now;
      startedWith = Math.max(0, event.done - 1);
      shownAt = live ? 0 : now;
    }
    const finished = event.done >= event.total;
    if (!finished && now - shownAt < (live ? LIVE_EVERY_MS : PLAIN_EVERY_MS)) return;
    shownAt = now;
    const seconds = (now - startedAt) / 1000;
    const rate = (event.done - startedWith) / Math.max(seconds, 1e-3);
    const eta = !finished && rate > 0 ? `, ${duration((event.total - event.done) / rate)} left` : '';
    const detail = Object.entries(event.detail ?? {})
      .map(([key, value]) => `, ${key} ${value}`)
      .join('');
    const figures =
      `${amount(event.done, event.unit)} of ${amount(event.total, event.unit)} ${event.unit === 'bytes' ? '' : event.unit}`.trimEnd();
    const speed = seconds > 0.5 && event.done > startedWith + 1 ? `, ${pace(rate, event.unit)}` : '';
    const text = printableInLine(`${event.stage}: ${figures}, ${duration(seconds)}${speed}${eta}${detail}`);
    if (!live) {
      line(text);
      return;
    }
    const filled = Math.round((event.done / Math.max(1, event.total)) * BAR);
    const width = Math.max(20, (stream.columns ?? 80) - BAR - 4);
    clear();
    stream.write(`${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${text.slice(0, width)}`);
    open = true;
    if (finished) line(`  ${text}`);
  };
  const emit = (event: TemperEvent): void => {
    if (event.type === 'progress') progress(event);
    else if (event.type === 'note')
      line(
        wrapped(`${event.level === 'warning' ? 'warning: ' : ''}${printable(event.message)}`, WIDTH, '')
          .map((text) => `  ${text}`)
          .join('\n'),
      );
    else if (event.type === 'stage' && (event.status === 'start' || event.status === 'skipped')) {
      const { phase } = event;
      const name = phase ? `[${phase.number}/${phase.of}] ${event.stage}` : event.stage;
      const detail = event.detail ? ` (${event.detail})` : '';
      const text = printableInLine(
        event.status === 'skipped' ? `${name}: done before${detail}` : `${name}${detail}`,
      );
      line(colour ? styleText('bold', text, { validateStream: false }) : text);
    }
  };
  return Object.assign(emit, { end: clear });
}
