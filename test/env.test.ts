import { describe, expect, it } from 'vitest';
import { toConfig } from '../src/boot.js';
import { readEnv, unknownVariables } from '../src/config/env.js';
import { SettingError } from '../src/config/settings.js';

const production = { NODE_ENV: 'production', DATABASE_URL: 'postgres://db/ringback' };
const config = (source: Record<string, string>) => toConfig(readEnv(source), 'postgres://db/ringback', 8080);

describe('the environment', () => {
  it('has the defaults of the wire contract', () => {
    expect(readEnv({})).toMatchObject({
      PORT: 8080,
      RINGBACK_CONCURRENCY: 50,
      RINGBACK_DELIVERY_CONCURRENCY: 100,
      RINGBACK_SLOTS: 20,
      RINGBACK_LEASE_S: 30,
      RINGBACK_CALLBACK_TIMEOUT_S: 15,
      RINGBACK_RETRY_SCHEDULE: '5,300,1800,7200,18000,36000,50400,72000,86400',
      RINGBACK_ALLOW_HTTP: false,
    });
    expect([...readEnv({}).RINGBACK_RETENTION]).toEqual([
      ['keep1d', 86_400],
      ['keep1w', 604_800],
      ['keep1m', 2_592_000],
    ]);
  });

  it('is refused whole, naming every variable that is wrong', () => {
    const source = {
      PORT: 'http',
      RINGBACK_ROLE: 'boss',
      RINGBACK_API_KEY: 'short',
      RINGBACK_RETENTION: 'keep1d=1y',
      DATABASE_URL: 'mysql://x',
    };
    expect(() => readEnv(source)).toThrow(SettingError);
    for (const name of Object.keys(source)) expect(() => readEnv(source)).toThrow(name);
  });

  it('names variables that are misspelt', () => {
    expect(unknownVariables({ RINGBACK_SLOT: '1', RINGBACK_SLOTS: '1', PATH: '/' })).toEqual([
      'RINGBACK_SLOT',
    ]);
  });

  it('refuses a lease that an attempt could outlive', () => {
    expect(() =>
      config({ DATABASE_URL: 'postgres://db/r', RINGBACK_SECRET_KEYS: 'k:x', RINGBACK_LEASE_S: '19' }),
    ).toThrow(/RINGBACK_LEASE_S/);
  });

  it('refuses production without a key that encrypts', () => {
    expect(() => config(production)).toThrow(/RINGBACK_SECRET_KEYS/);
  });

  it('allows no private address where the database is not embedded, and none in production', () => {
    const RINGBACK_SECRET_KEYS = `k:${Buffer.alloc(32).toString('base64')}`;
    expect(config({ ...production, RINGBACK_SECRET_KEYS }).egress.allowedPrivate).toBe('');
    expect(config({ ...production, RINGBACK_SECRET_KEYS }).http.host).toBe('0.0.0.0');
    expect(config({ RINGBACK_SECRET_KEYS }).egress.allowedPrivate).toBe('127.0.0.0/8,::1/128');
    expect(config({ RINGBACK_SECRET_KEYS, RINGBACK_ALLOWED_PRIVATE: '' }).egress.allowedPrivate).toBe('');
  });
});
