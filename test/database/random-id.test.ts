import { expect, it } from 'vitest';
import { randomId } from '../../src/database/random-id.js';

it('gives every id 128 bits of its own, over many fillings of its pool', () => {
  const ids = Array.from({ length: 2_000 }, () => randomId('op_'));
  for (const id of ids) expect(id).toMatch(/^op_[0-9a-f]{32}$/);
  expect(new Set(ids).size).toBe(ids.length);
  // No two share half of their digits: each was filled anew.
  expect(new Set(ids.map((id) => id.slice(3, 19))).size).toBe(ids.length);
});
