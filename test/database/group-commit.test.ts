import { describe, expect, it } from 'vitest';
import { GroupCommit } from '../../src/database/group-commit.js';

class RowFault extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

describe('group commit', () => {
  it('lets callers of one turn share a flush, each with its own result', async () => {
    const flushes: number[][] = [];
    const group = new GroupCommit((items: number[]) => {
      flushes.push(items);
      return Promise.resolve(items.map((item) => item * 2));
    });
    expect(await Promise.all([1, 2, 3].map((item) => group.add(item)))).toEqual([2, 4, 6]);
    expect(flushes).toEqual([[1, 2, 3]]);
  });

  it('collects what arrives while every lane is busy, at most so many a flush', async () => {
    const sizes: number[] = [];
    const gates: (() => void)[] = [];
    const group = new GroupCommit(
      async (items: number[]) => {
        sizes.push(items.length);
        await new Promise<void>((resolve) => gates.push(resolve));
        return items;
      },
      { lanes: 1, most: 4 },
    );
    const first = group.add(0);
    await expect.poll(() => gates.length).toBe(1);
    const others = [1, 2, 3, 4, 5, 6].map((item) => group.add(item));
    gates.shift()!();
    await first;
    await expect.poll(() => gates.length).toBe(1);
    gates.shift()!();
    await expect.poll(() => gates.length).toBe(1);
    gates.shift()!();
    expect(await Promise.all(others)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(sizes).toEqual([1, 4, 2]);
  });

  it('rejects only the entry whose data the database refuses', async () => {
    const group = new GroupCommit((items: number[]) =>
      items.includes(13) ? Promise.reject(new RowFault('22P05')) : Promise.resolve(items),
    );
    const results = await Promise.allSettled([12, 13, 14].map((item) => group.add(item)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('gives entries about the same row to statements of their own, in order', async () => {
    const statements: string[][] = [];
    const group = new GroupCommit(
      (items: string[]) => {
        statements.push(items);
        return Promise.resolve(items);
      },
      { lanes: 1, rowOf: (item) => item[0]! },
    );
    const results = await Promise.all(['a1', 'b1', 'a2', 'a3', 'c1'].map((item) => group.add(item)));
    expect(results).toEqual(['a1', 'b1', 'a2', 'a3', 'c1']);
    expect(statements).toEqual([['a1', 'b1', 'c1'], ['a2'], ['a3']]);
  });

  it('rejects every caller when the database is away', async () => {
    const group = new GroupCommit(() => Promise.reject(new RowFault('57P01')));
    const results = await Promise.allSettled([group.add(1), group.add(2)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
