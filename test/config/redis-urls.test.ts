import { describe, expect, it } from 'vitest';
import { redisHosts, redisPlace, redisUrls } from '../../src/config/redis-urls.js';
import { SettingError } from '../../src/config/settings.js';

const place = (value: string) => redisPlace(redisUrls(value));
const node = (host: string, port = 6379) => ({ host, port });

describe('REDIS_URL', () => {
  it('names one server as it stands', () => {
    const url = 'rediss://app:pw@cache:6380/2?family=6';
    expect(place(url)).toEqual({ kind: 'server', url });
  });

  it.each([
    ['redis+cluster://a,b:7000,[::1]:7001', { tls: false }, [node('a'), node('b', 7000), node('::1', 7001)]],
    [
      'rediss+cluster://app:p%40w@a:7000/0',
      { tls: true, username: 'app', password: 'p@w' },
      [node('a', 7000)],
    ],
    // As it was written before there was a scheme for it.
    ['redis://:pw@a:7000, redis://b', { tls: false, password: 'pw' }, [node('a', 7000), node('b')]],
  ])('names a cluster by some of its nodes: %s', (value, access, nodes) => {
    expect(place(value)).toEqual({ kind: 'cluster', access, nodes });
  });

  it.each([
    [
      'redis+sentinel://:pw@a,b:26380/main',
      { name: 'main', db: 0, access: { tls: false, password: 'pw' } },
      [node('a', 26_379), node('b', 26_380)],
    ],
    [
      'rediss+sentinel://app:pw@a/my%20main/3?sentinel_username=s&sentinel_password=p%2Bw',
      {
        name: 'my main',
        db: 3,
        access: { tls: true, username: 'app', password: 'pw' },
        sentinelUsername: 's',
        sentinelPassword: 'p+w',
      },
      [node('a', 26_379)],
    ],
  ])('names a primary by its sentinels: %s', (value, rest, sentinels) => {
    expect(place(value)).toEqual({ kind: 'sentinel', ...rest, sentinels });
  });

  it('is shown without users and passwords', () => {
    expect(redisHosts(place('redis://app:pw@a:1'))).toBe('a:1');
    expect(redisHosts(place('redis+cluster://app:pw@a:1,[::1]'))).toBe('a:1, [::1]:6379');
    expect(redisHosts(place('redis+sentinel://app:pw@a/x?sentinel_password=pw'))).toBe('a:26379');
  });

  it.each([
    ['http://secret', /starts with redis: or rediss:/],
    ['secret:6379', /redis: or rediss:, nor .* redis\+cluster: or redis\+sentinel:/],
    ['redis://a:6379,redis+cluster://b', /redis\+cluster: or redis\+sentinel:/],
    ['redis+ring://secret', /not of the form redis\+cluster/],
    ['redis+cluster://', /not of the form redis\+cluster/],
    ['redis+cluster://:secret@a:x', /not of the form host:port/],
    ['redis+cluster://:secret@a:70000', /not of the form host:port/],
    ['redis+cluster://:secret@a,,b', /not of the form host:port/],
    ['redis+cluster://:secret@a/1', /no other database than 0/],
    ['redis+cluster://:secret@a?family=6', /leave it out/],
    ['redis+sentinel://:secret@a:26379', /name .* missing.* …\/name/],
    ['redis+sentinel://:secret@a/x/y', /name .* missing.* …\/name/],
    ['redis+sentinel://:secret@a/x?sentinelPassword=secret', /sentinel_username and sentinel_password only/],
    ['redis+sentinel://:secret%@a/x', /%25/],
    ['redis+sentinel://a/x,redis+sentinel://b/x', /not of the form|missing/],
  ])('is refused with the remedy, and not repeated: %s', (value, remedy) => {
    expect(() => redisUrls(value)).toThrow(SettingError);
    expect(() => redisUrls(value)).toThrow(remedy);
    expect(() => redisUrls(value)).not.toThrow(/secret(?!_)/);
  });
});
