import { crowding, poolSettings } from '../engine/connections.js';
import { type Check, green, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** Whether PostgreSQL has the connections that the processes may open, if all have the settings of this one. */
export const connections: Check<WithDatabase> = {
  name: 'connections',
  run: async ({ database, hasTables, config }) => {
    if (!hasTables) return [];
    const crowd = await crowding(database, poolSettings(config.database, config.queue));
    return [crowd === null ? green('are enough for the processes that run') : yellow(crowd)];
  },
};
