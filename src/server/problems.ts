/** Errors as the API tells them: the code, what and how to mend it, and the status of HTTP. */
import { type ErrorCode, TemperError } from '../core/errors.ts';
import { fileError } from '../core/files.ts';

const STATUS: Readonly<Partial<Record<ErrorCode, 400 | 404 | 409 | 422 | 502 | 507>>> = {
  usage: 400,
  config: 422,
  data: 422,
  model: 422,
  store: 409,
  resource: 507,
  network: 502,
  provider: 502,
  budget: 409,
  absent: 404,
  interrupted: 409,
};

export interface Problem {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

const SAID_INTERNAL = 'an error in temper; the terminal where it runs has the details';

/** null for an error that nobody expected. */
export function knownProblem(error: unknown): { problem: Problem; status: number } | null {
  const known = error instanceof TemperError ? error : fileError(error, 'use a file');
  if (!known) return null;
  const { code, message, hint } = known;
  return {
    problem: { error: { code, message, ...(hint === undefined ? {} : { hint }) } },
    status: STATUS[code] ?? 500,
  };
}

export const internalProblem: Problem = { error: { code: 'internal', message: SAID_INTERNAL } };

export const problemOf = (error: unknown): Problem => knownProblem(error)?.problem ?? internalProblem;
