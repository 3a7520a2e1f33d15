import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toConfig } from '../../src/boot.js';
import { SLICES } from '../../src/config/config.js';
import { doubtfulVariables, readEnv, SETTINGS } from '../../src/config/env.js';
import { SettingError } from '../../src/config/settings.js';
import { temporaryFolder } from '../support/service.js';

const KEY = `k:${Buffer.alloc(32).toString('base64')}`;
const production = { NODE_ENV: 'production', DATABASE_URL: 'postgres://db/ringback' };
/** Fields that have no value by default. */
const UNSET = new Set(['poll', 'proxy', 'upstream', 'authUrl']);
const config = (source: Record<string, string>) => toConfig(readEnv(source), 'postgres://db/ringback', 8080);

function refusal(read: () => unknown): SettingError {
  try {
    read();
  } catch (error) {
    if (error instanceof SettingError) return error;
  }
  throw new Error('nothing was refused');
}

describe('the environment', () => {
  it('has the defaults of the wire contract', () => {
    expect(readEnv({})).toMatchObject({
      PORT: 8080,
      RINGBACK_CONCURRENCY: 50,
      RINGBACK_DELIVERY_CONCURRENCY: 100,
      RINGBACK_SLOTS: 20,
      RINGBACK_LEASE_S: 30,
      RINGBACK_CALLBACK_TIMEOUT_S: 15,
      RINGBACK_RETRY_SCHEDULE: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
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
      REDIS_URL: 'http://127.0.0.1:6379',
      RINGBACK_SECRET_KEYS: 'y',
      RINGBACK_RETRY_SCHEDULE: 'x',
      RINGBACK_ALLOWED_PRIVATE: 'foo',
      RINGBACK_HTTP_HOSTS: 'http://x',
      RINGBACK_HANDLERS: 'nope.mjs',
    };
    expect(() => readEnv(source)).toThrow(SettingError);
    for (const name of Object.keys(source)) expect(() => readEnv(source)).toThrow(`\n  ${name}: `);
    const { settings } = refusal(() => readEnv(source));
    expect(settings.toSorted()).toEqual(Object.keys(source).toSorted());
  });

  it('is refused in the words of whoever knows its settings by other names', () => {
    const error = refusal(() => readEnv({ RINGBACK_ALLOWED_HOSTS: '10.0.0.1', PORT: 'x' }, 'Wrong'));
    const renamed = error.as((name) => name.toLowerCase());
    expect(renamed.settings).toEqual(['port', 'ringback_allowed_hosts']);
    expect(renamed.message).toBe(
      [
        'Wrong',
        'port: "x" is not a whole number from 0 to 65535',
        'ringback_allowed_hosts: "10.0.0.1" is no host: an address belongs in ringback_allowed_private',
      ].join('\n  '),
    );
  });

  it('has each setting once, in one slice or in two that share it, and every slice is given whole', () => {
    const names = Object.values(SLICES).flatMap(({ fields, asked }) =>
      [...Object.values(asked), ...Object.values(fields)].map(({ name }) => name),
    );
    const shared = names.filter((name, at) => names.indexOf(name) !== at);
    expect(shared).toEqual([
      'RINGBACK_FAST_START',
      'RINGBACK_LEASE_S',
      'RINGBACK_REDISPATCH_S',
      'RINGBACK_POLL_MS',
    ]);
    expect(Object.keys(SETTINGS).toSorted()).toEqual([...new Set(names)].toSorted());
    const given = config({ RINGBACK_SECRET_KEYS: KEY });
    for (const [slice, { fields }] of Object.entries(SLICES))
      expect(given[slice as keyof typeof given]).toMatchObject(
        Object.fromEntries(
          Object.keys(fields)
            .map((field) => [field, expect.anything() as unknown])
            .filter(([field]) => !UNSET.has(field as string)),
        ),
      );
  });

  it.each([
    [
      'RINGBACK_API_KEY',
      'rb_short',
      'it must be rb_ and at least 24 more letters, digits, _ or -; make one: ',
    ],
    ...['a'.repeat(24), 'ab'.repeat(30), '0123'.repeat(10), `${'k'.repeat(40)}123`].map((weak) => [
      'RINGBACK_API_KEY',
      `rb_${weak}`,
      'it is too easy to guess, since its characters vary too little; make one: RINGBACK_API_KEY="rb_$(openssl rand -hex 24)"',
    ]),
    ['RINGBACK_SECRET_KEYS', 'y', 'secret key 1 has no name: write id:base64(32 bytes)'],
    ['RINGBACK_SECRET_KEYS', 'k1:AAAA', 'secret key "k1" must be the base64 of 32 bytes, and is 3 bytes'],
    ['RINGBACK_RETRY_SCHEDULE', '5,x', 'step 2 of the retry schedule, "x", is no number of seconds'],
    ['RINGBACK_ALLOWED_PRIVATE', 'foo', '"foo" is no range: write cidr[:port]'],
    ['RINGBACK_ALLOWED_HOSTS', 'receiver:5001,http://x', '"http://x" is no host: write receiver:5001'],
    ['RINGBACK_ALLOWED_HOSTS', '*', '"*" is no host: write receiver:5001'],
    ['RINGBACK_ALLOWED_HOSTS', 'a.*.local', '"a.*.local" is no host: write receiver:5001'],
    ['RINGBACK_ALLOWED_HOSTS', 'receiver:', '"receiver:" is no host: write receiver:5001'],
    ['RINGBACK_ALLOWED_HOSTS', 'receiver:65536', '"receiver:65536" is no host: a port is 1 to 65535'],
    [
      'RINGBACK_ALLOWED_HOSTS',
      '10.0.0.1',
      '"10.0.0.1" is no host: an address belongs in RINGBACK_ALLOWED_PRIVATE',
    ],
    ['RINGBACK_HTTP_HOSTS', 'a.example.com,http://x', '"http://x" is no host: write api.example.com'],
    ['RINGBACK_HANDLERS', 'package.json,nope.mjs', '"nope.mjs" cannot be loaded: there is no file /'],
    ['REDIS_URL', 'http://127.0.0.1:6379', 'it is not a URL that starts with redis: or rediss:'],
    ['REDIS_URL', 'redis://a:6379,b:6379', 'it is not a URL that starts with redis: or rediss:'],
  ])('refuses %s=%s, saying what would be right', (name, value, remedy) => {
    expect(() => readEnv({ [name]: value })).toThrow(`\n  ${name}: ${remedy}`);
  });

  it('opens http.request to nobody in production unless RINGBACK_HTTP_HOSTS says to whom', () => {
    const hostsOf = (env: Record<string, string>) =>
      config({ DATABASE_URL: 'postgres://db/r', RINGBACK_SECRET_KEYS: KEY, ...env }).egress.httpHosts;
    const production = { NODE_ENV: 'production' };
    expect(hostsOf(production)).toBeNull();
    expect(hostsOf({ ...production, RINGBACK_HTTP_HOSTS: '*' })).toBeUndefined();
    expect(hostsOf({ ...production, RINGBACK_HTTP_HOSTS: 'a.com,*.b.com' })).toEqual(['a.com', '*.b.com']);
    expect(hostsOf({})).toBeUndefined();
  });

  it('takes lists of servers and hosts as they are given', () => {
    const urls = 'redis://a:6379, rediss://user:word@b:6380/1';
    expect(readEnv({ REDIS_URL: urls }).REDIS_URL).toEqual(urls.split(', '));
    const hosts = '*.Example.com,8.8.8.8,[2001:4860:4860::8888]';
    expect(readEnv({ RINGBACK_HTTP_HOSTS: hosts }).RINGBACK_HTTP_HOSTS).toEqual(hosts.split(','));
  });

  it.each([
    ['RINGBACK_SLOT', 'RINGBACK_SLOTS is the nearest one'],
    ['RINGBACK_CONCURENCY', 'RINGBACK_CONCURRENCY is the nearest one'],
    ['RINGBACK_PORT', 'PORT is the nearest one'],
    ['RINGBACK_KITCHEN_SINK', 'check its spelling in docs/configuration.md'],
  ])('names a variable that is misspelt, and what is meant: %s', (name, remedy) => {
    const source = { [name]: '1', RINGBACK_SLOTS: '1', RINGBACK_URL: 'x', PATH: '/' };
    expect(doubtfulVariables(source)).toEqual([`${name} is no setting of Ringback's: ${remedy}`]);
  });

  it('names a NODE_ENV that is taken for development, though another may be meant', () => {
    const doubts = (NODE_ENV: string | undefined) => doubtfulVariables({ NODE_ENV });
    expect(['production', 'development', 'test', '', undefined].flatMap(doubts)).toEqual([]);
    expect(doubts('prod')).toEqual([
      'NODE_ENV "prod" counts as development: set it to production where it is that, else to development or test',
    ]);
  });

  it('refuses a lease that an attempt could outlive', () => {
    expect(() =>
      config({ DATABASE_URL: 'postgres://db/r', RINGBACK_SECRET_KEYS: KEY, RINGBACK_LEASE_S: '19' }),
    ).toThrow(/RINGBACK_LEASE_S/);
  });

  it.each([
    ['file:///srv/files', { folder: '/srv/files' }],
    ['s3://results', { bucket: 'results', prefix: '' }],
    ['s3://my.results-1/', { bucket: 'my.results-1', prefix: '' }],
    ['s3://results/ring-back/prod_1/', { bucket: 'results', prefix: 'ring-back/prod_1' }],
  ])('takes %s as the place of files', (url, place) => {
    expect(readEnv({ RINGBACK_FILES_URL: url }).RINGBACK_FILES_URL).toEqual(place);
  });

  it.each([
    's3:results',
    's3://',
    's3://ab',
    's3://Results',
    's3://results_1',
    's3://-results',
    's3://key:secret@results',
    's3://localhost:9000/results',
    's3://results?region=eu-west-1',
    's3://results/a/../b',
    's3://results/a//b',
    's3://results/a b',
    's3://results/%2e%2e',
    `s3://results/${'x'.repeat(512)}`,
    'https://s3.example.com/results',
    'file://server/share',
    '/srv/files',
  ])('refuses %s as the place of files', (url) => {
    expect(() => readEnv({ RINGBACK_FILES_URL: url })).toThrow(
      /RINGBACK_FILES_URL: it (is neither|is not|names no)/,
    );
  });

  it('finds the object store as AWS’s own tools do', () => {
    const env = { RINGBACK_FILES_URL: 's3://results/prod', RINGBACK_SECRET_KEYS: KEY };
    const bucket = { bucket: 'results', prefix: 'prod' };
    expect(config(env).files.s3).toEqual({ ...bucket, endpoint: undefined, region: undefined });
    const all = { ...env, AWS_ENDPOINT_URL: 'http://all:1', AWS_REGION: 'eu-west-1' };
    expect(config(all).files.s3).toEqual({ ...bucket, endpoint: 'http://all:1', region: 'eu-west-1' });
    expect(config({ ...all, AWS_ENDPOINT_URL_S3: 'http://s3:1' }).files.s3?.endpoint).toBe('http://s3:1');
    expect(config({ ...all, RINGBACK_FILES_URL: '' }).files.s3).toBeUndefined();
  });

  it('refuses production without a key that encrypts', () => {
    expect(() => config(production)).toThrow(/RINGBACK_SECRET_KEYS/);
  });

  it('names the file where the keys that were made once are spoilt', async () => {
    await using folder = await temporaryFolder();
    const source = { RINGBACK_DATA_DIR: folder.path };
    const made = config(source).secrets.keys;
    expect(config(source).secrets.keys).toBe(made);
    const path = join(folder.path, 'secret-keys');
    await writeFile(path, 'k1:');
    expect(() => config(source)).toThrow(
      new SettingError(
        `${path}: secret key "k1" must be the base64 of 32 bytes, and is something else: make one with "openssl rand -base64 32"`,
      ),
    );
  });

  it('allows no private address where the database is not embedded, and none in production', () => {
    const RINGBACK_SECRET_KEYS = KEY;
    expect(config({ ...production, RINGBACK_SECRET_KEYS }).egress.allowedPrivate).toBe('');
    expect(config({ ...production, RINGBACK_SECRET_KEYS }).http.host).toBe('0.0.0.0');
    expect(config({ RINGBACK_SECRET_KEYS }).egress.allowedPrivate).toBe('127.0.0.0/8,::1/128');
    expect(config({ RINGBACK_SECRET_KEYS, RINGBACK_ALLOWED_PRIVATE: '' }).egress.allowedPrivate).toBe('');
  });
});
