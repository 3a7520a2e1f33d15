import { randomFillSync } from 'node:crypto';

const ID_BYTES = 10;
/** Asked of the system at once: each question costs as much as the bytes of a hundred ids. */
const pool = Buffer.allocUnsafeSlow(256 * ID_BYTES);
let used = pool.length;

/**
 * 32 hex digits that nobody can guess; `prefix` says what they name. The first 12 are the time, milliseconds since 1970, so that ids
 * of one time stand together in an index; 80 bits are random.
 */
export function randomId(prefix = ''): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const from = used;
  used += ID_BYTES;
  return prefix + Date.now().toString(16).padStart(12, '0') + pool.toString('hex', from, used);
}
