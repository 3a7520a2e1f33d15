import { GONE_S } from '../engine/process.store.js';
import { type Check, counted, green, red } from './finding.js';
import type { WithDatabase } from './surroundings.js';

interface Unserved {
  readonly type: string;
  /** It is declared: workers over HTTP run it. */
  readonly remote: boolean;
  readonly waiting: number;
  readonly seconds: number;
}

/** Whether there is somebody for each type of which operations wait. */
export const handlers: Check<WithDatabase> = {
  name: 'handlers',
  run: async ({ database, hasTables }) => {
    if (!hasTables) return [];
    const unserved = await database.query<Unserved>(UNSERVED, [GONE_S]);
    if (unserved.length === 0) return [green('there is one for each operation that waits')];
    return unserved.map(({ type, remote, waiting, seconds }) =>
      red(
        `${counted(waiting, 'operation')} of the type "${type}" ${waiting === 1 ? 'waits' : 'wait'}, for up to ${seconds} s, and ${remote ? 'no remote worker asks for it: start one (docs/workers.md)' : 'no process has a handler for it: name its module in RINGBACK_HANDLERS of a worker'}, or cancel them`,
      ),
    );
  },
};

/** What is handed to a worker and held by none; Ringback's own types are in no list of handlers. */
const UNSERVED = `
  SELECT l.type, l.phase = 'offered' AS remote, count(*)::integer AS waiting, round(extract(epoch FROM now() - min(l.waits_since)))::integer AS seconds
  FROM live_operation l
  WHERE l.lease_token IS NULL AND l.phase IN ('ready', 'placed', 'apart', 'offered') AND l.type NOT IN ('bgrs.request', 'ringback.bulk') AND l.type <> ALL (
    SELECT unnest(p.handlers) FROM process p
    WHERE CASE l.phase WHEN 'offered' THEN 'remote' ELSE 'worker' END = ANY (p.roles) AND p.seen_at >= now() - make_interval(secs => $1))
  GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10`;
