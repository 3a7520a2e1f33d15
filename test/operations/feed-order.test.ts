import { describe, expect, it } from 'vitest';
import { FeedOrder } from '../../src/operations/feed/feed-order.js';
import type { FeedEntry } from '../../src/operations/feed/feed.store.js';

const reading = (ids: number[], oldest: number, beyond: number) => ({
  entries: ids.map((id) => ({ id }) as FeedEntry),
  oldest: BigInt(oldest),
  beyond: BigInt(beyond),
});
const told = (entries: FeedEntry[]) => entries.map(({ id }) => id);

describe('The order of the feed', () => {
  it('is that of the places, and goes on at once where none is missing', () => {
    const order = new FeedOrder(10);
    expect(told(order.settle(reading([11, 12], 5, 6), 12, 0))).toEqual([11, 12]);
    expect([order.position, order.waits]).toEqual([12, false]);
  });

  it('waits for a place that has no row yet, and tells it before those behind it', () => {
    const order = new FeedOrder(10);
    expect(told(order.settle(reading([11, 13], 7, 9), 13, 0))).toEqual([11]);
    expect([order.position, order.waits]).toEqual([11, true]);
    expect(told(order.settle(reading([12, 13, 14], 7, 10), 14, 50))).toEqual([12, 13, 14]);
    expect([order.position, order.waits]).toEqual([14, false]);
  });

  it('passes a place over once all transactions are over that may have taken it', () => {
    const order = new FeedOrder(10);
    order.settle(reading([11, 13], 7, 9), 13, 0);
    expect(told(order.settle(reading([13], 8, 12), 13, 50))).toEqual([]);
    expect(told(order.settle(reading([13], 9, 12), 13, 100))).toEqual([13]);
    expect([order.position, order.waits]).toEqual([13, false]);
  });

  it('passes over no place that was given later, by transactions that may still be open', () => {
    const order = new FeedOrder(10);
    order.settle(reading([12], 7, 9), 12, 0);
    expect(told(order.settle(reading([12, 14], 9, 20), 14, 50))).toEqual([12]);
    expect([order.position, order.waits]).toEqual([12, true]);
    expect(told(order.settle(reading([13, 14], 15, 21), 14, 100))).toEqual([13, 14]);
  });

  it('passes over places at the end that were given to nobody, and is not held up by an open transaction for ever', () => {
    const order = new FeedOrder(10);
    order.settle(reading([11], 7, 9), 14, 0);
    expect(told(order.settle(reading([], 8, 9), 14, 29_000))).toEqual([]);
    expect(order.position).toBe(11);
    expect(told(order.settle(reading([15], 8, 9), 15, 30_000))).toEqual([15]);
    expect([order.position, order.waits]).toEqual([15, false]);
  });
});
