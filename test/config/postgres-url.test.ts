import { describe, expect, it } from 'vitest';
import {
  databaseOf,
  placeOf,
  postgresUrl,
  seeksPrimary,
  serversOf,
  userOf,
} from '../../src/config/postgres-url.js';

const serversIn = (url: string): string[] => serversOf(postgresUrl(url)).map(({ url: own }) => own);

describe('a URL of PostgreSQL', () => {
  it.each([
    ['postgres://u:p@one/db', ['postgres://u:p@one/db']],
    ['postgresql://one:5433/db?sslmode=require', ['postgresql://one:5433/db?sslmode=require']],
    ['postgres:///db?host=/var/run/postgresql', ['postgres:///db?host=/var/run/postgresql']],
    [
      'postgres://u:p%40@one:5432,two:5433/db?target_session_attrs=read-write&sslmode=verify-full',
      [
        'postgres://u:p%40@one:5432/db?sslmode=verify-full',
        'postgres://u:p%40@two:5433/db?sslmode=verify-full',
      ],
    ],
    ['postgres://one,two:5433/db', ['postgres://one/db', 'postgres://two:5433/db']],
    ['postgres://[::1]:1,[fe80::2]/db', ['postgres://[::1]:1/db', 'postgres://[fe80::2]/db']],
    ['postgres://u@/db?host=one,two&port=5433', ['postgres://u@one:5433/db', 'postgres://u@two:5433/db']],
    ['postgres:///db?host=one,two&port=1,2', ['postgres://one:1/db', 'postgres://two:2/db']],
    ['postgres://%2Frun%2Fpg,two/db', ['postgres://%2Frun%2Fpg/db', 'postgres://two/db']],
    ['postgres://one/db?target_session_attrs=primary', ['postgres://one/db']],
    ['postgres://one,two', ['postgres://one', 'postgres://two']],
  ])('%s names each of its servers', (url, servers) => {
    expect(serversIn(url)).toEqual(servers);
  });

  it.each([
    ['mysql://one/db', 'it is not a URL that starts with postgres: or postgresql:'],
    ['postgres://one,/db', 'one of its hosts is empty'],
    ['postgres://one:x,two/db', 'one of its hosts is not of the form host:port'],
    ['postgres://one:99999,two/db', 'it is not a URL that starts with postgres: or postgresql:'],
    ['postgres:///db?host=one,two,three&port=1,2', 'it names 3 hosts and 2 ports'],
    ['postgres://one,t%wo/db', 'one of its hosts holds a % that is not written %25'],
    [
      'postgres://one,two/db?target_session_attrs=standby',
      'target_session_attrs=standby asks for a server that takes no writes: use read-write',
    ],
    [
      'postgres://one/db?target_session_attrs=best',
      'target_session_attrs is none of read-write, primary, any, prefer-standby',
    ],
  ])('%s is refused, and why', (url, why) => {
    expect(() => postgresUrl(url)).toThrow(why);
  });

  it.each([
    ['postgres://one/db', false],
    ['postgres://one/db?options=-csearch_path%3Drb', false],
    ['postgres://one/db?target_session_attrs=any', true],
    ['postgres://one,two/db', true],
  ])('%s has its primary looked for: %s', (url, seeks) => {
    expect(seeksPrimary(url)).toBe(seeks);
  });

  it('is shown without user and password', () => {
    const url = 'postgres://an%40na:secret@one:5432,[::1],two/the%20db?sslmode=require';
    expect([placeOf(url), userOf(url), databaseOf(url)]).toEqual([
      'one:5432,::1,two/the db',
      'an@na',
      'the db',
    ]);
    expect(userOf('postgres://one/db')).toBe('');
  });
});
