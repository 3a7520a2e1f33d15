import { describe, expect, it } from 'vitest';
import { Fleet } from '../../src/engine/fleet.js';
import { Turns } from '../../src/engine/turns.js';

describe('many processes on one database', () => {
  it('look together as often as one alone, or twice as often where they look at random, up to a limit', () => {
    const fleet = new Fleet();
    expect(fleet.pause(750, 10_000)).toBe(750);
    fleet.count(2, 50);
    expect(fleet.pause(750, 10_000)).toBe(750);
    fleet.count(8, 50);
    expect(fleet.pause(750, 10_000)).toBe(3_000);
    fleet.count(500, 50);
    expect(fleet.pause(750, 10_000)).toBe(10_000);
    // One that looks seldom anyway is not made to look more often.
    expect(fleet.pause(15_000, 10_000)).toBe(15_000);
    // Nobody was seen: this process is there.
    fleet.count(0, Infinity);
    expect(fleet.workers).toBe(1);
  });

  it('have one that is alone go for a job at once', () => {
    const turns = new Turns();
    for (let news = 0; news < 10; news++) {
      expect([turns.told(1, news), turns.owed(1)]).toEqual([0, 0]);
      turns.took(1, 1);
    }
  });

  it('go at once for the first job after a while, whoever draws it, and leave the next ones to others', () => {
    const [one, other] = [new Turns(() => 0), new Turns(() => 0.5)];
    expect([one.told(2, 0), other.told(2, 0)]).toEqual([0, 0.5]);
    one.took(1, 2);
    expect(one.owed(2)).toBe(0);
    expect(one.told(2, 10)).toBeGreaterThan(other.told(2, 10));
    one.took(1, 2);
    expect(one.owed(2)).toBeGreaterThan(0);
    expect(one.told(2, 10_000)).toBe(0);
  });

  it.each([
    ['of one size', () => 1],
    ['of different sizes', (random: () => number) => 1 + Math.floor(random() * 25)],
  ])('have the same share of jobs %s, within a tenth', (_, sizeOf) => {
    const random = seeded(4711);
    const workers = Array.from({ length: 50 }, () => ({ turns: new Turns(random), had: 0 }));
    for (let jobs = 0; jobs < 10_000; jobs++) {
      // The first whose time it is finds the job, all others go in vain.
      const [first] = workers
        .map((worker) => ({ worker, ms: worker.turns.told(workers.length, jobs) }))
        .toSorted((one, other) => one.ms - other.ms);
      const size = sizeOf(random);
      first!.worker.had += size;
      first!.worker.turns.took(size, workers.length);
    }
    const shares = workers.map(({ had }) => had);
    const mean = shares.reduce((sum, had) => sum + had, 0) / shares.length;
    expect(Math.min(...shares)).toBeGreaterThan(0.9 * mean);
    expect(Math.max(...shares)).toBeLessThan(1.1 * mean);
  });
});

/** The same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
