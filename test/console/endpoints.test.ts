import { describe, expect, it } from 'vitest';
import { fieldsGiven, headerLines } from '../../console/src/endpoints/endpoint-form.js';
import { lastHours } from '../../console/src/endpoints/hours.js';

function form(fields: Readonly<Record<string, string | readonly string[]>>): FormData {
  const given = new FormData();
  for (const [name, value] of Object.entries(fields))
    for (const one of [value].flat()) given.append(name, one);
  return given;
}

const current = { id: 'ep_1', headers: [{ key: 'x-token', value: '[redacted]' }] } as never;

describe('the form of an endpoint', () => {
  it('leaves to the service what is left empty', () => {
    const given = form({ url: ' https://example.com/hook ', description: '', events: ['operation.failed'] });
    expect(fieldsGiven(given, undefined)).toEqual({
      url: 'https://example.com/hook',
      description: '',
      events: ['operation.failed'],
      headers: [],
      retry_schedule: null,
      max_in_flight: null,
      rate_per_s: null,
      thin_over: null,
      signature_profile: '',
      handshake: false,
    });
  });

  it('reads numbers, a schedule and headers, and passes on what is none for the service to judge', () => {
    const given = form({
      max_in_flight: '5',
      rate_per_s: '0.5',
      thin_over: 'many',
      retry_schedule: '5, 300;1800 7200',
      headers: 'authorization: Bearer a:b\n\nx-empty\n',
      handshake: 'on',
    });
    expect(fieldsGiven(given, undefined)).toMatchObject({
      max_in_flight: 5,
      rate_per_s: 0.5,
      thin_over: 'many',
      retry_schedule: [5, 300, 1800, 7200],
      headers: [
        { key: 'authorization', value: 'Bearer a:b' },
        { key: 'x-empty', value: '' },
      ],
      handshake: true,
    });
  });

  it('keeps headers and certificate of one that is changed, unless they are given or taken away', () => {
    expect(fieldsGiven(form({ headers: '' }), current)).not.toHaveProperty('headers');
    expect(fieldsGiven(form({ headers: '' }), current)).not.toHaveProperty('client_certificate');
    expect(fieldsGiven(form({ no_headers: 'on' }), current)).toMatchObject({ headers: [] });
    expect(headerLines('a: 1')).toEqual([{ key: 'a', value: '1' }]);
  });
});

describe('the hours of an endpoint', () => {
  it('are all of the last day, those without attempts too', () => {
    const now = Date.parse('2026-01-31T12:34:56Z');
    const known = { hour: '2026-01-31T11:00:00.000Z', succeeded: 3, failed: 1, p95_ms: 20 };
    const hours = lastHours([known, { ...known, hour: '2026-01-30T09:00:00.000Z' }], now);
    expect(hours).toHaveLength(24);
    expect(hours[0]!.hour).toBe('2026-01-30T13:00:00.000Z');
    expect(hours.at(-1)).toEqual({ hour: '2026-01-31T12:00:00.000Z', succeeded: 0, failed: 0, p95_ms: null });
    expect(hours.at(-2)).toEqual(known);
  });
});
