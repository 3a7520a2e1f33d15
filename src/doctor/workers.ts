import { NO_WORKERS } from '../engine/processes.js';
import { GONE_S } from '../engine/process.store.js';
import { VERSION } from '../config/version.js';
import { type Check, counted, type Finding, green, red, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** The processes that run on the database. */
export const workers: Check<WithDatabase> = {
  name: 'workers',
  run: async ({ database, hasTables }) => {
    const processes = hasTables
      ? await database.query<{ roles: string[]; version: string }>(
          'SELECT roles, version FROM process WHERE seen_at >= now() - make_interval(secs => $1)',
          [GONE_S],
        )
      : [];
    if (processes.length === 0)
      return [
        red(
          'no Ringback runs on this database: start one with "ringback", in which RINGBACK_ROLE is all, or has worker',
        ),
      ];
    const working = processes.filter(({ roles }) => roles.includes('worker')).length;
    const found: Finding[] = [
      working === 0
        ? red(NO_WORKERS)
        : green(
            `${counted(processes.length, 'process runs', 'processes run')}, ${working === processes.length ? '' : `${working} `}with the role worker`,
          ),
    ];
    const versions = [...new Set([VERSION, ...processes.map(({ version }) => version)])];
    if (versions.length > 1)
      found.push(
        yellow(
          `versions ${versions.join(' and ')} meet on this database: start all processes, and this command, of one`,
        ),
      );
    return found;
  },
};
