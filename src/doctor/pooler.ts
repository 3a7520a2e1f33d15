import { poolerOf, wayFault } from '../database/pooler.js';
import { type Check, green, red, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** What stands in front of PostgreSQL, and whether a service that needs sessions gets some. */
export const pooler: Check<WithDatabase> = {
  name: 'pooler',
  run: async ({ config: { database, queue }, database: rows }) => {
    const fault = await wayFault(database, queue.redisUrls.length > 0);
    if (fault) return [red(fault.message)];
    const kind = await poolerOf(database.url);
    if (kind === 'none') return [green('none: connections are to PostgreSQL itself')];
    const unset = await rows.query<{ role: string; database: string; remedies: string[] }>(UNSET);
    const found = unset.map(({ role, database: name, remedies }) =>
      yellow(
        `is in ${kind} mode, and Ringback's connections lack what it sets on direct ones: ALTER ROLE "${role}" IN DATABASE "${name}" SET ${remedies.join(', and likewise ')}`,
      ),
    );
    return found.length > 0 ? found : [green(`is in ${kind} mode`)];
  },
};

/** Of a role: no statement of it may run, and none of its transactions may idle, for ever. */
const UNSET = `
  SELECT current_user AS role, current_database() AS database, remedies FROM (
    SELECT array_remove(ARRAY[
      CASE WHEN current_setting('statement_timeout') = '0' THEN 'statement_timeout = ''20s''' END,
      CASE WHEN current_setting('jit')::boolean THEN 'jit = off' END
    ], NULL) AS remedies
  ) s WHERE remedies <> '{}'`;
