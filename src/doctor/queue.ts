import type { DatabaseConfig, QueueConfig } from '../config/config.js';
import { poolerOf } from '../database/pooler.js';
import { QueueBackend } from '../engine/queue-backend.js';
import { SCHEMA } from '../engine/queue-schema.js';
import { type Check, type Finding, green, red, yellow } from './finding.js';
import type { Surroundings, WithDatabase } from './surroundings.js';

/** The queue in PostgreSQL: its schema, and whether it may be used. */
export const queueInPostgres: Check<WithDatabase> = {
  name: 'queue',
  run: async ({ config, database }) => {
    // Told by the check of the pooler; what a queue's connection sets, such a one would leave to others.
    if ((await poolerOf(config.database.directUrl)) === 'transaction') return [];
    return withBackend(config, database, async (backend) => {
      if (await backend.hasSchema()) return troubleOf(backend);
      const [place] = await database.query<{ role: string; name: string; makes: boolean }>(
        `SELECT current_user AS role, current_database() AS name, has_database_privilege(current_database(), 'CREATE') AS makes`,
      );
      const { role, name, makes } = place!;
      if (!makes)
        return red(
          `the schema ${SCHEMA}, where the queue is, is not there, and the user ${role} may not make it: GRANT CREATE ON DATABASE "${name}" TO ${role}, or set REDIS_URL`,
        );
      const missing = `the schema ${SCHEMA}, where the queue is, is not there`;
      return config.database.migrates
        ? yellow(`${missing} yet: a start makes it, and so does "ringback migrate"`)
        : red(`${missing}, and RINGBACK_MIGRATE is false: run "ringback migrate"`);
    });
  },
};

/** Redis: whether it answers, lets the user in, and forgets nothing. */
export const queueInRedis: Check<Surroundings> = {
  name: 'queue',
  run: ({ config }) => withBackend(config, null, troubleOf),
};

interface Configs {
  readonly queue: QueueConfig;
  readonly database: DatabaseConfig;
}

async function withBackend(
  { queue, database }: Configs,
  rows: WithDatabase['database'] | null,
  look: (backend: QueueBackend) => Promise<Finding>,
): Promise<Finding[]> {
  const backend = await QueueBackend.beside(queue, { ...database, poolSize: 4 }, rows);
  try {
    return [await look(backend)];
  } finally {
    await backend.onApplicationShutdown();
  }
}

async function troubleOf(backend: QueueBackend): Promise<Finding> {
  const trouble = await backend.trouble();
  return trouble === null
    ? green(`BullMQ can use ${backend.kind === 'redis' ? 'Redis' : 'PostgreSQL'}`)
    : red(trouble);
}
