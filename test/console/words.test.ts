import { describe, expect, it } from 'vitest';
import type { AttemptResponse } from '../../console/src/api-types.js';
import { deliveryJudgement, attemptJudgement } from '../../console/src/deliveries/judgement.js';
import { groupsOf } from '../../console/src/deliveries/groups.js';
import { axisOf } from '../../console/src/operations/time-axis.js';
import { asCurl } from '../../console/src/operations/curl.js';
import { flowing, succeeding } from '../../console/src/overview/verdicts.js';
import type { Delivery, DeliveryDetails, Operation } from '../../console/src/rows.js';
import { parseSearch, stringifySearch } from '../../console/src/search.js';
import { spanOf } from '../../console/src/time-span.js';
import { relative, size, span } from '../../console/src/words.js';

const NOW = Date.parse('2026-01-31T12:00:00Z');
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();

const attempt = (given: Partial<AttemptResponse>): AttemptResponse =>
  ({
    number: 1,
    outcome: 'failed',
    started_at: at(-60),
    http_status: 503,
    error: 'HTTP 503',
    ...given,
  }) as AttemptResponse;
const delivery = (given: Partial<DeliveryDetails>): DeliveryDetails =>
  ({
    id: 'dlv_1',
    event: 'operation.finished',
    status: 'Pending',
    reason: null,
    attempts: [],
    next_attempt_at: null,
    ...given,
  }) as DeliveryDetails;

describe('why a delivery has not arrived', () => {
  it('is told in one sentence, with what comes next', () => {
    const attempts = [attempt({ retry_after_s: 120, next_attempt_at: at(120) })];
    const pending = delivery({ attempts, next_attempt_at: at(120) });
    expect(deliveryJudgement(pending, NOW)).toBe(
      'Not delivered yet: one attempt failed, the next one is due in 2 min. The last one: HTTP 503.',
    );
    expect(attemptJudgement(attempts[0]!, true, pending, NOW)).toBe(
      'HTTP 503, and a Retry-After of 120 s: the next attempt is due in 2 min.',
    );
  });

  it('is why it was given up, once it was', () => {
    const attempts = [
      attempt({ retry_after_s: null }),
      attempt({ number: 2, retry_after_s: null, next_attempt_at: null }),
    ];
    const exhausted = delivery({ status: 'Exhausted', reason: 'schedule_spent', attempts });
    expect(deliveryJudgement(exhausted, NOW)).toBe(
      'Given up after 2 attempts: all attempts of the schedule have failed. The last one: HTTP 503.',
    );
    expect(attemptJudgement(attempts[1]!, true, exhausted, NOW)).toMatch(/Given up: all attempts/);
  });

  it('is the same for all that fail at one origin in one way', () => {
    const row = (url: string, error: string | null, seconds: number): Delivery =>
      ({ url, error, reason: null, status: 'Pending', created_at: at(seconds) }) as Delivery;
    const rows = [
      row('https://a.example/1', 'http_5xx', -10),
      row('https://a.example/2?[redacted]', 'http_5xx', -30),
      row('https://b.example/', 'connect_refused', -40),
      row('https://b.example/', null, -50),
    ];
    expect(groupsOf(rows)).toMatchObject([
      { origin: 'https://a.example', error: 'http_5xx', count: 2, firstSeen: at(-30), lastSeen: at(-10) },
      { origin: 'https://b.example', error: 'connect_refused', count: 1 },
    ]);
  });
});

describe('the axis of time', () => {
  const operation = { type: 'echo', created_at: at(0), finished_at: at(1) } as Operation;
  const move = (id: number, status: Operation['status'], seconds: number) => ({
    id,
    kind: 'transition' as const,
    status,
    progress: null,
    text: '',
    created_at: at(seconds),
  });

  it('has waits, tries and attempts, made and planned', () => {
    const history = [move(1, 'Waiting', 0), move(2, 'Executing', 0.5), move(3, 'Finished', 1)];
    const attempts = [attempt({ started_at: at(1.1) })];
    const axis = axisOf(operation, history, [delivery({ attempts, next_attempt_at: at(6) })], NOW);
    expect(axis.rows[0]!.bars.map(({ tone }) => tone)).toEqual(['waiting', 'good']);
    expect(axis.rows[1]!.dots.map(({ tone, planned }) => [tone, planned])).toEqual([
      ['bad', false],
      ['waiting', true],
    ]);
    expect(axis.scale.kind).toBe('linear');
    expect(axis.scale.place(axis.from)).toBe(0);
    expect(axis.scale.place(axis.to)).toBe(1);
  });

  it('grows by decades where milliseconds and days are on it', () => {
    const history = [move(1, 'Waiting', 0), move(2, 'Executing', 0.02), move(3, 'Finished', 0.04)];
    const attempts = [attempt({ started_at: at(0.1) }), attempt({ number: 2, started_at: at(200_000) })];
    const { scale, from } = axisOf(operation, history, [delivery({ attempts, status: 'Exhausted' })], NOW);
    expect(scale.kind).toBe('logarithmic');
    expect(scale.place(from + 40)).toBeGreaterThan(0.05);
    const places = scale.ticks.map((tick) => scale.place(from + tick));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });
});

describe('the overview', () => {
  const bucket = (failed: number, finished: number) => ({
    at: at(0),
    accepted: 0,
    canceled: 0,
    p50_s: null,
    p95_s: null,
    failed,
    finished,
  });
  const top = { types: [], error_codes: [] };

  it('names a type that waits and that no worker handles', () => {
    const worker = { capacity: 50, running: 0, handlers: ['echo'] };
    const waiting = { type: 'segments.export', created_at: at(-30) } as Operation;
    const verdict = flowing({
      ledger: undefined,
      processes: [worker as never],
      oldestWaiting: waiting,
      now: NOW,
    });
    expect(verdict.tone).toBe('bad');
    expect(verdict.because.map(({ text }) => text)).toContain('No worker has a handler for segments.export.');
  });

  it('tells one failure among thousands from an outage', () => {
    const stats = (failed: number, finished: number) => ({ buckets: [bucket(failed, finished)], top });
    expect(succeeding(stats(1, 2_000), stats(1, 2_000)).answer).toBe('Runs succeed');
    expect(succeeding(stats(50, 50), stats(50, 2_000)).answer).toBe('Many runs fail');
    expect(succeeding(stats(0, 0), stats(0, 0)).tone).toBe('ended');
  });
});

describe('what a page says', () => {
  it('is in units that people read', () => {
    expect([0, 850, 1_000, 9_400, 65_000, 7_500_000, 90_000_000].map(span)).toEqual([
      '0 ms',
      '850 ms',
      '1 s',
      '9.4 s',
      '1 min 5 s',
      '2 h 5 min',
      '1 d 1 h',
    ]);
    expect([-12_000, 200, 180_000].map((ms) => relative(NOW + ms, NOW))).toEqual([
      '12 s ago',
      'now',
      'in 3 min',
    ]);
    expect([12, 1_536, 5_242_880].map(size)).toEqual(['12 B', '1.5 KiB', '5 MiB']);
  });

  it('is in its address, as the API calls it', () => {
    const filters = {
      status: 'Failed,Canceled',
      created_after: '2026-01-31T12:00:00Z',
      correlation: 'a & b=c',
    };
    const address = stringifySearch(filters);
    expect(address).toBe(
      '?status=Failed,Canceled&created_after=2026-01-31T12:00:00Z&correlation=a+%26+b%3Dc',
    );
    expect(parseSearch(address)).toEqual(filters);
  });

  it('has as few bars as can be told apart', () => {
    for (const seconds of [600, 3_600, 86_400, 604_800, 2_592_000]) {
      const { from, to, step } = spanOf(1_700_000_123, 1_700_000_123 + seconds);
      expect((to - from) / step).toBeLessThanOrEqual(170);
      expect([from % step, to % step]).toEqual([0, 0]);
    }
  });

  it('is a command that a shell takes as it is, whatever is in the input', () => {
    const request = {
      type: 'echo',
      input: { quote: "it's" },
      withheld: [],
      callback: null,
      correlation: null,
      priority: 0,
      run_at: null,
      timeout_s: 60,
      retention: 'keep1m',
      trace_id: null,
    };
    expect(asCurl(request, 'http://127.0.0.1:8080')).toContain(String.raw`it'\''s`);
  });
});
