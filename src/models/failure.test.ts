import { APICallError } from '@ai-sdk/provider';
import { describe, expect, test } from 'vitest';
import { TemperError } from '../core/errors.ts';
import { classify, retryAfter } from './failure.ts';
import { BodyTooLarge, CallTimeout } from './http.ts';

const answered = (
  statusCode: number,
  body: unknown = {},
  headers: Record<string, string> = {},
): APICallError =>
  new APICallError({
    message: 'x',
    url: 'http://x',
    requestBodyValues: {},
    statusCode,
    responseHeaders: headers,
    responseBody: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('classify', () => {
  test.each([
    ['too many', answered(429), 'overload'],
    ['overloaded', answered(529), 'overload'],
    ['unavailable', answered(503), 'overload'],
    ['server error', answered(500), 'transient'],
    ['conflict', answered(409), 'transient'],
    [
      'bad request',
      answered(400, { error: { message: 'too long', code: 'context_length_exceeded' } }),
      'rejected',
    ],
    ['forbidden, of this prompt perhaps', answered(403, '<html>Blocked by the firewall</html>'), 'rejected'],
    ['key', answered(401, { error: { code: 'invalid_api_key' } }), 'fatal'],
    ['no such model', answered(404, { error: { code: 'model_not_found' } }), 'fatal'],
    ['quota', answered(429, { error: { code: 'insufficient_quota' } }), 'fatal'],
    ['AWS', answered(403, { __type: 'AccessDeniedException', message: 'no' }), 'fatal'],
    [
      'AWS, by its header',
      answered(
        403,
        { message: 'The security token included in the request is invalid.' },
        { 'x-amzn-errortype': 'UnrecognizedClientException:http://internal.amazon.com/coral/' },
      ),
      'fatal',
    ],
    [
      'Bedrock key',
      answered(403, { Message: 'no' }, { 'x-amzn-errortype': 'AccessDeniedException' }),
      'fatal',
    ],
    [
      'Anthropic permission',
      answered(403, { type: 'error', error: { type: 'permission_error', message: 'no' } }),
      'fatal',
    ],
    [
      'Google key',
      answered(400, {
        error: {
          code: 400,
          message: 'API key not valid. Please pass a valid API key.',
          status: 'INVALID_ARGUMENT',
          details: [
            { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' },
            { '@type': 'type.googleapis.com/google.rpc.LocalizedMessage' },
          ],
        },
      }),
      'fatal',
    ],
    [
      'Google, of this request',
      answered(400, {
        error: { code: 400, message: 'too long', status: 'INVALID_ARGUMENT', details: [null] },
      }),
      'rejected',
    ],
    ['OpenAI filter', answered(400, { error: { code: 'content_policy_violation' } }), 'blocked'],
    [
      'Azure filter',
      answered(400, {
        error: { code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } },
      }),
      'blocked',
    ],
    [
      'OpenRouter filter',
      answered(403, { error: { code: 403, metadata: { flagged_input: 'x' } } }),
      'blocked',
    ],
    ['Google filter', answered(200, { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } }), 'blocked'],
    ['no completion', answered(200, { hello: 1 }), 'transient'],
    ['timeout', new CallTimeout('no byte'), 'overload'],
    ['huge', new BodyTooLarge('8 MB'), 'rejected'],
  ])('%s', (_name, error, kind) => {
    expect(classify(error).kind).toBe(kind);
  });

  test('a connection that nobody takes is told apart from one that breaks', () => {
    const broken = (code: string): APICallError =>
      new APICallError({
        message: 'failed',
        url: '',
        requestBodyValues: {},
        cause: Object.assign(new Error(code), { code }),
      });
    expect(classify(broken('ECONNREFUSED'))).toMatchObject({ kind: 'transient', unreachable: true });
    expect(classify(broken('ECONNRESET'))).not.toHaveProperty('unreachable');
  });

  test('messages are bounded, printable, and redacted before they are cut', () => {
    const key = 'sk-0123456789abcdef';
    const text = `${'a'.repeat(292)}${key}\u001B[31m`;
    const { message } = classify(answered(400, { error: { message: text } }), (all) =>
      all.replaceAll(key, '[redacted]'),
    );
    expect(message).not.toContain('sk-');
    expect(message).not.toContain('\u001B');
    expect(message.length).toBeLessThan(400);
  });

  test("temper's own errors and bugs pass", () => {
    expect(() => classify(new TemperError('config', 'x'))).toThrow(TemperError);
    expect(() => classify(new RangeError('bug'))).toThrow(RangeError);
  });
});

test('retryAfter reads milliseconds, seconds and dates', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfter({ 'retry-after-ms': '1500', 'retry-after': '9' }, now)).toBe(1500);
  expect(retryAfter({ 'retry-after': '2.5' }, now)).toBe(2500);
  expect(retryAfter({ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, now)).toBe(30_000);
  expect(retryAfter({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, now)).toBe(0);
  expect(retryAfter({ 'retry-after': 'soon' }, now)).toBeUndefined();
  expect(retryAfter({ 'retry-after': '-1' }, now)).toBeUndefined();
  expect(retryAfter({}, now)).toBeUndefined();
});
