import { Injectable } from '@nestjs/common';
import type pg from 'pg';
import { DataSource, type QueryRunner } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import {
  asDatabaseError,
  DatabaseUnavailableError,
  isDeadlock,
  isMissingPartition,
  isStalePlan,
  sqlState,
} from './database-errors.js';
import { toDriver } from './parameters.js';
import { hasLimits, LIMITS } from './postgres-client.js';

/** Runs one statement and answers its rows. */
export interface Queryable {
  query<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

/** Behind a pooler a session's settings would be left to others: these are a transaction's. */
const LIMIT = Object.entries(LIMITS)
  .map(([name, value]) => `SET LOCAL ${name} = ${value}`)
  .join('; ');

/** Raw statements over TypeORM's connection, for stores. An outage is a `DatabaseUnavailableError`. */
@Injectable()
export class Database implements Queryable {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * A deadlock's victim was rolled back whole, so its statement is sent again; so is one whose new rows found no partition, once
   * that is made: where no worker keeps house, the API goes on accepting.
   */
  async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    for (let tries = 3; ; tries--) {
      try {
        return await this.once<Row>(sql, parameters);
      } catch (error) {
        const missing = isMissingPartition(error);
        if ((!missing && !isDeadlock(error) && !isStalePlan(error)) || tries === 1) throw error;
        if (missing) await this.once('SELECT make_partitions()', []);
      }
    }
  }

  /** Over a connection of TypeORM's pool: a query runner's own work for each statement is as much as the driver's. */
  private async once<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    const client = await this.client();
    let broken = false;
    try {
      const asked = (): Promise<Row[]> =>
        client.query(sql, toDriver(parameters)).then(({ rows }) => rows as Row[]);
      return await (hasLimits(client) ? asked() : limited(client, asked));
    } catch (error) {
      // No verdict of the server's: the connection may still be waiting for one.
      broken = sqlState(error) === undefined;
      throw asDatabaseError(error);
    } finally {
      client.release(broken);
    }
  }

  /** Several statements, one commit. */
  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    const runner = await this.connected();
    // TypeORM says of a connection that broke between two statements only that it is released: an outage like the others.
    const judged = <R>(statement: Promise<R>): Promise<R> =>
      statement.catch((error: unknown) => Promise.reject(asDatabaseError(error) as Error));
    try {
      await judged(runner.startTransaction());
      if (!hasLimits((await runner.connect()) as object)) await judged(runner.query(LIMIT));
      const result = await work({
        query: (sql, parameters = []) => judged(records(runner, sql, parameters)),
      });
      await judged(runner.commitTransaction());
      return result;
    } catch (error) {
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release();
    }
  }

  /** As `connected`, without a runner around it. */
  private async client(): Promise<pg.PoolClient> {
    try {
      return await (this.dataSource.driver as PostgresDriver & { master: pg.Pool }).master.connect();
    } catch (error) {
      throw new DatabaseUnavailableError(error);
    }
  }

  /** No statement has been judged yet: whatever the server says while it is connected to, it cannot be used now. */
  private async connected(): Promise<QueryRunner> {
    const runner = this.dataSource.createQueryRunner();
    try {
      await runner.connect();
      return runner;
    } catch (error) {
      await runner.release();
      throw new DatabaseUnavailableError(error);
    }
  }
}

/** A statement in a transaction of its own, whose limits go with it. */
async function limited<T>(client: pg.PoolClient, statement: () => Promise<T>): Promise<T> {
  try {
    await client.query(`BEGIN; ${LIMIT}`);
    const result = await statement();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function records<Row>(
  runner: QueryRunner,
  sql: string,
  parameters: readonly unknown[],
): Promise<Row[]> {
  const result = await runner.query(sql, toDriver(parameters), true);
  return (result.records ?? []) as Row[];
}
