import { Injectable } from '@nestjs/common';
import type pg from 'pg';
import { DatabaseConfig } from '../config/config.js';
import type { Queryable } from './database.js';
import { asDatabaseError, DatabaseUnavailableError } from './database-errors.js';
import { toDriver } from './parameters.js';
import { poolerOf } from './pooler.js';
import { CONNECTION } from './postgres-client.js';

/** Connections of their own, for several statements, each a commit of its own, that can't be in a transaction. */
@Injectable()
export class Sessions {
  constructor(private readonly config: DatabaseConfig) {}

  /** Its statements have the settings, unless a pooler in transaction mode would leave them to others: then they have the role's. */
  async with<T>(
    settings: Readonly<Record<string, string>>,
    work: (session: Queryable) => Promise<T>,
  ): Promise<T> {
    const keeps = await poolerOf(this.config.directUrl).then(
      (kind) => kind !== 'transaction',
      (error: unknown) => Promise.reject(new DatabaseUnavailableError(error)),
    );
    const client = new CONNECTION.Client({
      ...CONNECTION,
      connectionString: this.config.directUrl,
      application_name: 'ringback-session',
      connectionTimeoutMillis: 5_000,
    });
    // What happens to it is told by the statement that fails.
    (client as pg.Client).on('error', () => undefined);
    try {
      await client.connect();
      await client.begin(settings, keeps);
      return await work({ query: (sql, parameters = []) => rowsOf(client, sql, parameters) });
    } catch (error) {
      throw asDatabaseError(error);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function rowsOf<Row>(client: pg.Client, sql: string, parameters: readonly unknown[]): Promise<Row[]> {
  const { rows } = await client.query(sql, toDriver(parameters));
  return rows as Row[];
}
