import { expect, it } from 'vitest';
import { randomId } from '../../src/database/random-id.js';

it('gives every id the time and 80 bits of its own, over many fillings of its pool', () => {
  const before = Date.now();
  const ids = Array.from({ length: 2_000 }, () => randomId('op_'));
  for (const id of ids) {
    expect(id).toMatch(/^op_[0-9a-f]{32}$/);
    const at = parseInt(id.slice(3, 15), 16);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  }
  // No two share half of their random digits: each was filled anew.
  expect(new Set(ids.map((id) => id.slice(15, 25))).size).toBe(ids.length);
});
