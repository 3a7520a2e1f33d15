import { describe, expect, it } from 'vitest';
import { verdict } from '../../src/deliveries/verdict.js';
import type { AttemptResult } from '../../src/deliveries/webhook.client.js';

const now = new Date('2026-03-01T12:00:00Z');
const phasesMs = { dns: null, connect: null, tls: null, first_byte: null };

function responding(status: number, headers: Record<string, string> = {}): AttemptResult {
  return { kind: 'response', status, headers, body: '', truncated: false, durationMs: 1, phasesMs };
}

describe('a response', () => {
  it.each([200, 201, 202, 204, 226, 299])('with status %i delivers', (status) => {
    expect(verdict(responding(status), now)).toEqual({ outcome: 'delivered', disableEndpoint: false });
  });

  it.each([199, 400, 401, 404, 408, 409, 422, 429, 500, 502, 503, 504, 599])(
    'with status %i is retried',
    (status) => {
      const expected = { outcome: 'failed', retry: true, retryAfterS: null, error: `HTTP ${status}` };
      expect(verdict(responding(status), now)).toEqual(expected);
    },
  );

  it.each([301, 302, 303, 304, 307, 308])(
    'with status %i is a failure that hints at the redirect',
    (status) => {
      const judged = verdict(responding(status, { location: 'https://example.com/?token=secret' }), now);
      expect(judged).toMatchObject({ outcome: 'failed', retry: true, retryAfterS: null });
      expect(judged).toMatchObject({
        error: `HTTP ${status}: redirects are not followed; give the URL it leads to`,
      });
    },
  );

  it('with status 410 ends the delivery and disables the endpoint', () => {
    const expected = { outcome: 'failed', retry: false, reason: 'gone', disableEndpoint: true };
    expect(verdict(responding(410), now)).toMatchObject(expected);
  });
});

describe('Retry-After', () => {
  it.each<[header: string, seconds: number | null]>([
    ['0', 0],
    ['120', 120],
    [' 7 ', 7],
    ['Sun, 01 Mar 2026 12:01:30 GMT', 90],
    ['Sunday, 01-Mar-26 12:01:30 GMT', 90],
    ['Sun Mar  1 12:01:30 2026', 90],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
    ['-5', null],
    ['1.5', null],
    ['soon', null],
    ['2026', 2026],
    ['Sun, 99 Mar 2026 12:01:30 GMT', null],
    ['2026-03-01T12:01:30Z', null],
    ['99999999999', 2_147_483_647],
    ['9'.repeat(400), 2_147_483_647],
    ['', null],
  ])('"%s" asks for %s seconds', (header, seconds) => {
    for (const status of [429, 503]) {
      expect(verdict(responding(status, { 'retry-after': header }), now)).toMatchObject({
        retryAfterS: seconds,
      });
    }
  });

  it.each([301, 400, 408, 413, 500, 502])('is not honoured with status %i', (status) => {
    expect(verdict(responding(status, { 'retry-after': '60' }), now)).toMatchObject({ retryAfterS: null });
  });
});

describe('the response header webhook-delivery', () => {
  it.each([400, 429, 500, 503, 301])('ends the delivery of a %i by abort-message', (status) => {
    const judged = verdict(responding(status, { 'webhook-delivery': 'Abort-Message' }), now);
    const expected = {
      outcome: 'failed',
      retry: false,
      reason: 'aborted_by_receiver',
      disableEndpoint: false,
    };
    expect(judged).toMatchObject(expected);
  });

  it('disables the endpoint by disable, and this delivery ends', () => {
    const judged = verdict(responding(500, { 'webhook-delivery': 'disable' }), now);
    expect(judged).toMatchObject({ retry: false, reason: 'aborted_by_receiver', disableEndpoint: true });
  });

  it('disables the endpoint with a 2xx too, which still delivers', () => {
    const judged = verdict(responding(200, { 'webhook-delivery': 'disable' }), now);
    expect(judged).toEqual({ outcome: 'delivered', disableEndpoint: true });
    const aborted = verdict(responding(200, { 'webhook-delivery': 'abort-message' }), now);
    expect(aborted).toEqual({ outcome: 'delivered', disableEndpoint: false });
  });

  it('means nothing with another value', () => {
    expect(verdict(responding(500, { 'webhook-delivery': 'disabled' }), now)).toMatchObject({ retry: true });
  });
});

describe('a fault without a response', () => {
  const failing = (code: Extract<AttemptResult, { kind: 'error' }>['code']): AttemptResult => {
    return { kind: 'error', code, durationMs: 1, phasesMs };
  };

  it.each(['dns_error', 'connect_refused', 'tls_error', 'response_timeout', 'aborted', 'unknown'] as const)(
    '%s is retried',
    (code) => {
      expect(verdict(failing(code), now)).toMatchObject({
        outcome: 'failed',
        retry: true,
        retryAfterS: null,
      });
    },
  );

  it('blocked_destination is final, and says nothing of the endpoint', () => {
    const expected = {
      outcome: 'failed',
      retry: false,
      reason: 'blocked_destination',
      disableEndpoint: false,
    };
    expect(verdict(failing('blocked_destination'), now)).toMatchObject(expected);
  });
});
