import { poolerOf, wayFault } from '../database/pooler.js';
import { type Check, green, red } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** What stands in front of PostgreSQL, and whether a service that needs sessions gets some. */
export const pooler: Check<WithDatabase> = {
  name: 'pooler',
  run: async ({ config: { database, queue }, dataSource }) => {
    const fault = await wayFault(database, queue.redisUrls.length > 0);
    if (fault) return [red(fault.message)];
    const kind = await poolerOf(database.url);
    if (kind === 'none') return [green('none: connections are to PostgreSQL itself')];
    const [place] = await dataSource.query<[Place]>(UNSET);
    const { role, database: name, remedies } = place;
    if (remedies.length === 0) return [green(`is in ${kind} mode`)];
    return [
      green(
        `is in ${kind} mode; limits are set for each statement, which is spared by ALTER ROLE "${role}" IN DATABASE "${name}" SET ${remedies.join(', and likewise ')}`,
      ),
    ];
  },
};

interface Place {
  readonly role: string;
  readonly database: string;
  readonly remedies: readonly string[];
}

/** What a role would have to be given. */
const UNSET = `
  SELECT current_user AS role, current_database() AS database, array_remove(ARRAY[
    CASE WHEN current_setting('statement_timeout') = '0' THEN 'statement_timeout = ''20s''' END,
    CASE WHEN current_setting('jit')::boolean THEN 'jit = off' END
  ], NULL) AS remedies`;
