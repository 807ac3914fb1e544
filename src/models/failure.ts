/** What a failed call means: whether to try again, to slow down, to record it, or to stop the run. */
import { APICallError } from '@ai-sdk/provider';
import { TemperError } from '../core/errors.ts';
import { printable } from '../core/limits.ts';
import { BodyTooLarge, CallTimeout } from './http.ts';

export type FailureKind =
  /** Too many calls, or no answer in time: fewer at once, and again. */
  | 'overload'
  /** May pass: again. */
  | 'transient'
  /** The provider's filter stopped it: an outcome, not a failure. */
  | 'blocked'
  /** This request will never do; others may. */
  | 'rejected'
  /** No request will do: key, quota, name of the model. */
  | 'fatal';

export interface Failure {
  readonly kind: FailureKind;
  /** For people; bounded. */
  readonly message: string;
  /** Wished by the provider. */
  readonly retryAfterMs?: number;
  /** There was no server to speak to. */
  readonly unreachable?: true;
}

const OVERLOAD = new Set([429, 503, 529]);
const PASSING = new Set([408, 409, 425]);
const REFUSED_FOR_ALL = new Set([401, 402, 404]);
const FILTER =
  /content_?filter|content_?policy|responsible_?ai|moderation|guardrail|data_inspection|safety|sensitive/i;
const ACCOUNT =
  /insufficient_quota|billing|invalid_api_key|api_key_|access_?denied|permission_?(denied|error)|authentication_?error|unauthori[sz]ed|unauthenticated|expired_?token|unrecognized_?client|invalid_?(signature|client_?token)|incomplete_?signature|missing_?authentication|service_disabled|consumer_(invalid|suspended)/i;
/** Nobody there, or nobody who can be trusted. */
const UNREACHABLE =
  /^(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|EPROTO)$|CERT|SELF_SIGNED|ERR_TLS|ERR_SSL/;
const MAX_MESSAGE = 300;

/**
 * Sorts an error of a call; `redact` takes keys out of messages before they are cut. Programming errors and temper's own
 * errors are thrown on.
 */
export function classify(error: unknown, redact: (text: string) => string = (text) => text): Failure {
  const clean = (text: string): string => printable(redact(text), MAX_MESSAGE);
  if (error instanceof TemperError) throw error;
  if (error instanceof CallTimeout) return { kind: 'overload', message: error.message };
  if (error instanceof BodyTooLarge) return { kind: 'rejected', message: error.message };
  if (APICallError.isInstance(error))
    return error.statusCode === undefined ? connection(error, clean) : answered(error, clean);
  // The AI SDK's errors about what came back: no JSON, no content, another shape.
  if (error instanceof Error && error.name.startsWith('AI_'))
    return { kind: 'transient', message: clean(error.message) };
  throw error;
}

function connection(error: APICallError, clean: Clean): Failure {
  const timeout = rootCause(error);
  if (timeout instanceof CallTimeout) return { kind: 'overload', message: timeout.message };
  const code = (timeout as NodeJS.ErrnoException).code ?? '';
  const message = clean(error.message);
  return { kind: 'transient', message, ...(UNREACHABLE.test(code) ? { unreachable: true as const } : {}) };
}

function rootCause(error: Error): Error {
  let root = error;
  while (root.cause instanceof Error && root.cause !== root) root = root.cause;
  return root;
}

function answered(error: APICallError, clean: Clean): Failure {
  const status = error.statusCode as number;
  const { codes: named, text, feedback } = errorBody(error.responseBody);
  // AWS names its error in a header: `AccessDeniedException:http://...`.
  const codes = `${named} ${error.responseHeaders?.['x-amzn-errortype']?.split(':')[0] ?? ''}`.trim();
  const message = clean(`${status}${text === '' ? '' : `: ${text}`}`);
  // Google answers 200 without a candidate when it stops a prompt.
  if (feedback !== undefined) return { kind: 'blocked', message: clean(feedback) };
  if (status < 300) return { kind: 'transient', message: clean(error.message) };
  if (status >= 400 && status < 500 && FILTER.test(codes))
    return { kind: 'blocked', message: clean(codes || 'content filter') };
  if (REFUSED_FOR_ALL.has(status) || (status < 500 && ACCOUNT.test(codes))) return { kind: 'fatal', message };
  if (OVERLOAD.has(status)) {
    const wait = retryAfter(error.responseHeaders ?? {});
    return { kind: 'overload', message, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
  }
  if (status >= 500 || PASSING.has(status)) return { kind: 'transient', message };
  return { kind: 'rejected', message };
}

/** The codes of an error body, and its message; providers nest both in their own ways. */
function errorBody(body: string | undefined): { codes: string; text: string; feedback?: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body ?? '');
  } catch {
    return {
      codes: '',
      text: (body ?? '')
        .replace(/<[^>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    };
  }
  const outer = record(parsed);
  const error = record(outer['error'] ?? outer);
  const inner = record(error['innererror'] ?? error['inner_error']);
  const metadata = record(error['metadata']);
  const flagged = metadata['flagged_input'] === undefined ? [] : ['moderation'];
  const details = Array.isArray(error['details']) ? (error['details'] as unknown[]) : [];
  const codes = [
    error['code'],
    error['type'],
    error['status'],
    outer['__type'],
    inner['code'],
    ...details.map((detail) => record(detail)['reason']), // Google's
    ...flagged,
  ];
  const stopped = record(outer['promptFeedback'])['blockReason'];
  const text = [error['message'], outer['message'], outer['Message'], outer['error'], outer['detail']].find(
    (part) => typeof part === 'string',
  );
  return {
    codes: codes.filter((code) => typeof code === 'string').join(' '),
    text: (text as string | undefined) ?? '',
    ...(typeof stopped === 'string' ? { feedback: stopped } : {}),
  };
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

type Clean = (text: string) => string;

/** Milliseconds of `retry-after-ms` or `retry-after` (seconds or a date); undefined if there is none that can be read. */
export function retryAfter(
  headers: Readonly<Record<string, string>>,
  now: number = Date.now(),
): number | undefined {
  const precise = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (precise >= 0) return precise;
  const value = headers['retry-after']?.trim();
  if (value === undefined || value === '') return undefined;
  const seconds = Number(value);
  if (!Number.isNaN(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
