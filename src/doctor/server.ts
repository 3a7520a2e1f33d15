import { serverFaults } from '../database/connection.js';
import { type Check, green, red, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** The PostgreSQL server: its version, whether it keeps what it commits, and its clock. */
export const server: Check<WithDatabase> = {
  name: 'server',
  run: async ({ dataSource }) => {
    const { tooOld, mayForget } = await serverFaults(dataSource);
    const faults = [...(tooOld === null ? [] : [red(`DATABASE_URL: ${tooOld}`)]), ...mayForget.map(yellow)];
    return faults.length > 0 ? faults : [green('is new enough, and keeps what it commits')];
  },
};
