import { expect, it } from 'vitest';
import { RequestBuckets } from '../../src/accounts/request-buckets.js';

const HOUR = { most: 1000, perS: 1000 / 3600 };

it('an allowance of an hour that is spent at once comes back by seconds, and who waits as long as told is served', () => {
  const buckets = new RequestBuckets();
  for (let left = 999; left >= 0; left--)
    expect(buckets.spend('a', HOUR, 0)).toMatchObject({ refused: false, left });
  let now = 0;
  for (let count = 0; count < 2000; count++) {
    const refused = buckets.spend('a', HOUR, now);
    expect([refused.refused, refused.resetS >= 1, refused.resetS <= 4]).toEqual([true, true, true]);
    // Asking again meanwhile costs nothing.
    expect(buckets.spend('a', HOUR, now)).toEqual(refused);
    now += refused.resetS * 1000;
    expect(buckets.spend('a', HOUR, now).refused).toBe(false);
  }
});

it('a client that polls every 4 s is never refused, and an account pays for no other', () => {
  const buckets = new RequestBuckets();
  for (let now = 0; now < 7_200_000; now += 4_000)
    expect(buckets.spend('a', HOUR, now)).toEqual({ refused: false, left: 999, resetS: 4 });
  const one = { most: 1, perS: 1 / 3600 };
  expect(buckets.spend('b', one, 0)).toEqual({ refused: false, left: 0, resetS: 3600 });
  expect(buckets.spend('b', one, 1_000)).toMatchObject({ refused: true, resetS: 3599 });
  expect(buckets.spend('c', one, 1_000).refused).toBe(false);
});
