import { createHash } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { Queryable } from './database.js';
import { sqlState } from './database-errors.js';

/** insufficient_privilege, undefined_function, feature_not_supported */
const NOT_TOLD = ['42501', '42883', '0A000'];

/** What tells the rows of this installation from those of others, which may share its Redis or its database. */
export interface Installation {
  /** Where its tables are. */
  readonly schema: string;
  /** Eight characters: others in another schema, database or PostgreSQL; a standby that took over has its primary's. */
  readonly fingerprint: string;
}

export async function installationOf(database: Queryable): Promise<Installation> {
  const [place] = await database.query<{ schema: string; name: string }>(
    'SELECT current_schema() AS schema, current_database() AS name',
  );
  const { schema, name } = place!;
  const names = JSON.stringify([await serverOf(database), name, schema]);
  return { schema, fingerprint: createHash('sha256').update(names).digest('hex').slice(0, 8) };
}

/** Null where a hosted PostgreSQL doesn't tell. */
async function serverOf(database: Queryable): Promise<string | null> {
  try {
    const [server] = await database.query<{ id: string }>(
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    );
    return server!.id;
  } catch (error) {
    if (!NOT_TOLD.includes(sqlState(error)!)) throw error;
    new Logger('Database').debug(
      'PostgreSQL does not tell its system identifier: only names tell databases apart',
    );
    return null;
  }
}
