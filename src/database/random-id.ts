import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;
/** Asked of the system at once: each question costs as much as the bytes of a hundred ids. */
const pool = Buffer.allocUnsafeSlow(256 * ID_BYTES);
let used = pool.length;

/** 32 hex digits that nobody can guess; `prefix` says what they name. */
export function randomId(prefix = ''): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const from = used;
  used += ID_BYTES;
  return prefix + pool.toString('hex', from, used);
}
