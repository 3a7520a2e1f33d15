import { VacuumStore, type VacuumState } from '../database/vacuum.store.js';
import { type Check, type Finding, green, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** A transaction that is open for longer, seconds, is worth a look. */
const LONG_S = 60;

/** Whether somebody keeps PostgreSQL from clearing away what dispatch reads past. */
export const transactions: Check<WithDatabase> = {
  name: 'transactions',
  run: async ({ database, hasTables }) =>
    hasTables ? [judgeOldest(await new VacuumStore(database).read())] : [],
};

/** What the oldest transaction means. */
export function judgeOldest({ deadRows, oldestS, holder, remedy }: VacuumState): Finding {
  if (oldestS <= LONG_S) return green('none has been open for long');
  const rows = Object.values(deadRows).reduce((sum, count) => sum + count, 0);
  return yellow(
    `one has been open for ${Math.round(oldestS)} s (${holder}), and PostgreSQL keeps all rows that it might still read, ${rows} dead ones of the live tables so far: dispatch becomes slower; end it: ${remedy}`,
  );
}
