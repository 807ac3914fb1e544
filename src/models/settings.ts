/** How a model is reached, and how calls to it are made: the schemas that temper.yaml composes. No key ever stands in them. */
import { z } from 'zod';
import { headerProblem } from './http.ts';

/** Names of headers, query parameters and variables that carry a credential. */
export const CREDENTIAL = /auth|key|token|secret|cookie|passw|passphrase|credential|signature/i;

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'Give the name of an environment variable, not the key itself');

/** A value that stands in the environment: `{ env: NAME }`, with an optional text before it. */
export const secretSchema = z.strictObject(
  { env: variable, prefix: z.string().optional() },
  { error: 'Give { env: NAME }: keys come from the environment, never from the configuration' },
);
export type SecretReference = z.infer<typeof secretSchema>;

const header = z.union([z.string(), secretSchema], {
  error: 'Give a text, or { env: NAME, prefix: "Bearer " }',
});

/** An address without user, password or credential: those would end up in logs. */
const addressSchema = z.string().superRefine((value, context) => {
  const problem = addressProblem(value);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});

/** What is wrong with the address of a model; null if nothing. */
export function addressProblem(value: string): string | null {
  if (!URL.canParse(value)) return 'Give a URL, for example http://localhost:8000/v1';
  const url = new URL(value);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'Give an http or https URL';
  if (url.username !== '' || url.password !== '')
    return 'Leave user and password out of the URL: use headers with { env: NAME }';
  const named = [...url.searchParams.keys()].find((name) => CREDENTIAL.test(name));
  return named === undefined ? null : `Leave '${named}' out of the URL: use headers with { env: NAME }`;
}

function headerProblems(name: string, value: string | SecretReference): string[] {
  const literal = typeof value === 'string';
  const wrong = headerProblem(name, literal ? value : (value.prefix ?? ''));
  return [
    ...(wrong === null ? [] : [wrong]),
    ...(literal && CREDENTIAL.test(name) ? ['Give { env: NAME }: this header carries a credential'] : []),
  ];
}

/** JSON values, as templates and further request fields. */
const json = z.json();

const httpSchema = z.strictObject({
  method: z.enum(['POST', 'PUT']).default('POST'),
  /** A text, or JSON; `{{prompt}}`, `{{messages}}` and others are filled in (docs/models.md). */
  body: json,
  /** Path of the answer's text in the JSON response: `choices.0.message.content`; absent: the response is the text. */
  response: z.string().min(1).optional(),
  /** Path of the reason why it ended, and its values that mean a content filter. */
  finish: z.string().min(1).optional(),
  blocked: z.array(z.string()).default(['content_filter', 'blocked', 'safety']),
});
export type HttpSettings = z.infer<typeof httpSchema>;

const commandSchema = z.strictObject({
  /** Program and arguments; no shell. */
  run: z.array(z.string()).min(1),
  /** `json`: a request object on stdin, `{text, finish?}` on stdout; `text`: the prompt in, the answer out. */
  format: z.enum(['json', 'text']).default('text'),
  /** Variables with keys that the program may see; others whose names look like keys are kept from it. */
  env: z.array(variable).default([]),
});
export type CommandSettings = z.infer<typeof commandSchema>;

/** Everything that says where a model is and how to speak to it. */
export const connectionShape = {
  /** `provider:model`; `embedded` = the own engine. */
  model: z.string().min(1).default('embedded'),
  baseUrl: addressSchema.optional(),
  /** When it is asked: what was measured under another edition stays, and this one is asked anew. */
  edition: z
    .string()
    .regex(/^[\w.-]{1,40}$/, 'Letters, digits, dots, dashes and underscores, as in 2026-11')
    .optional(),
  apiKey: secretSchema.optional(),
  headers: z
    .record(z.string(), header)
    .superRefine((headers, context) => {
      for (const [name, value] of Object.entries(headers))
        for (const message of headerProblems(name, value))
          context.addIssue({ code: 'custom', path: [name], message });
    })
    .optional(),
  /** Further fields of the request body (null removes one); for AI SDK providers, their provider options. */
  options: z.record(z.string(), json).optional(),
  /** Cloud region, resource and version, for the providers that have them. */
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'Give a region such as us-east-1')
    .optional(),
  resource: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, 'Give the name of the resource alone')
    .optional(),
  apiVersion: z.string().min(1).optional(),
  http: httpSchema.optional(),
  command: commandSchema.optional(),
  /** Dollars for a million tokens. */
  price: z.strictObject({ input: z.number().min(0), output: z.number().min(0) }).optional(),
} as const;

export const connectionSchema = z.strictObject(connectionShape);
export type Connection = z.infer<typeof connectionSchema>;

/** null = none. */
const limit = z.int().min(1).nullable().default(null);

/** How calls to models that are not embedded are made. It changes no answer, so it is no part of a run's id. */
export const callsSchema = z
  .strictObject({
    concurrency: z
      .strictObject({
        start: z.int().min(1).max(10_000).default(20),
        max: z.int().min(1).max(10_000).default(200),
      })
      .refine(({ start, max }) => start <= max, { error: 'start is more than max', path: ['start'] })
      .prefault({}),
    /** Repetitions of a call that failed in a way that may pass; 0 = none. */
    retries: z.int().min(0).max(20).default(5),
    /** Longest silence before and within an answer, and longest time until its last byte. Seconds. */
    firstByteSeconds: z.number().positive().max(3600).default(120),
    totalSeconds: z.number().positive().max(3600).default(600),
    /** Keep answers on disk, by the hash of all that determines them. */
    cache: z.boolean().default(true),
    /** Of one command, over all its models. */
    budget: z
      .strictObject({ calls: limit, tokens: limit, dollars: z.number().positive().nullable().default(null) })
      .prefault({}),
  })
  .prefault({});
export type CallSettings = z.infer<typeof callsSchema>;
