import { describe, expect, it } from 'vitest';
import { FeedOrder } from '../../src/operations/feed/feed-order.js';
import type { FeedEntry } from '../../src/operations/feed/feed.store.js';

/** A place up to which has been read, those that have rows, and the oldest transaction that is open. */
function told(order: FeedOrder, upTo: number, ids: number[], oldest: number, now = 0): number[] {
  const entries = ids.map((id) => ({ id }) as FeedEntry);
  return order.settle({ entries, oldest: BigInt(oldest) }, upTo, now).map(({ id }) => id);
}

describe('The order of the feed', () => {
  it('is that of the places, and goes on at once where none is missing', () => {
    const order = new FeedOrder(10);
    expect(told(order, 12, [11, 12], 5)).toEqual([11, 12]);
    expect([order.position, order.doubts(12)]).toEqual([12, false]);
  });

  it('waits for a place that has no row yet, and tells it before those behind it', () => {
    const order = new FeedOrder(10);
    expect(told(order, 13, [11, 13], 7)).toEqual([11]);
    expect([order.position, order.doubts(13)]).toEqual([11, true]);
    order.bound(13, 9n, 0);
    expect(order.doubts(13)).toBe(false);
    expect(told(order, 14, [12, 13, 14], 7)).toEqual([12, 13, 14]);
    expect([order.position, order.doubts(14)]).toEqual([14, false]);
  });

  it('passes a place over once all transactions are over that may have taken it', () => {
    const order = new FeedOrder(10);
    told(order, 13, [11, 13], 7);
    order.bound(13, 9n, 0);
    expect(told(order, 13, [13], 8)).toEqual([]);
    expect(told(order, 13, [13], 9)).toEqual([13]);
    expect([order.position, order.doubts(13)]).toEqual([13, false]);
  });

  it('passes over no place that was given later, by transactions that may still be open', () => {
    const order = new FeedOrder(10);
    told(order, 12, [12], 7);
    order.bound(12, 9n, 0);
    expect(told(order, 14, [12, 14], 9)).toEqual([12]);
    expect([order.position, order.doubts(14)]).toEqual([12, true]);
    order.bound(14, 20n, 0);
    expect(told(order, 14, [13, 14], 15)).toEqual([13, 14]);
  });

  it('passes over places at the end that were given to nobody, and is not held up by an open transaction for ever', () => {
    const order = new FeedOrder(10);
    told(order, 14, [11], 7);
    order.bound(14, 9n, 0);
    expect(told(order, 14, [], 8, 119_000)).toEqual([]);
    expect(order.position).toBe(11);
    expect(told(order, 15, [15], 8, 120_000)).toEqual([15]);
    expect([order.position, order.doubts(15)]).toEqual([15, false]);
  });
});
