import type { RingbackConfig } from '../config/config.js';
import type { Env } from '../config/env.js';
import type { connectBeside } from '../database/connection.js';
import type { Database } from '../database/database.js';

/** What every check is given. */
export interface Surroundings {
  readonly env: Env;
  readonly config: RingbackConfig;
  /** Where a running service is asked. */
  readonly url: string;
  /** Milliseconds since 1970, of this machine. */
  readonly now: () => number;
}

/** What checks of the rows are given besides. */
export interface WithDatabase extends Surroundings {
  readonly dataSource: Awaited<ReturnType<typeof connectBeside>>;
  readonly database: Database;
  /** Whether the tables are there: else there is nothing to be read. */
  readonly hasTables: boolean;
  /** Whether the secret keys are those of the service. */
  readonly hasSecretKeys: boolean;
}
