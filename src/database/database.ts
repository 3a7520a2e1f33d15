import { Injectable } from '@nestjs/common';
import { DataSource, type QueryRunner } from 'typeorm';
import { asDatabaseError, DatabaseUnavailableError, isDeadlock } from './database-errors.js';

/** Runs one statement and answers its rows. */
export interface Queryable {
  query<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

/** Raw statements over TypeORM's connection, for stores. An outage is a `DatabaseUnavailableError`. */
@Injectable()
export class Database implements Queryable {
  constructor(private readonly dataSource: DataSource) {}

  /** A deadlock's victim was rolled back whole, so its statement is sent again. */
  async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    for (let tries = 3; ; tries--) {
      try {
        return await this.once<Row>(sql, parameters);
      } catch (error) {
        if (!isDeadlock(error) || tries === 1) throw error;
      }
    }
  }

  private async once<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    const runner = await this.connected();
    try {
      return await records<Row>(runner, sql, parameters);
    } catch (error) {
      throw asDatabaseError(error);
    } finally {
      await runner.release();
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

async function records<Row>(
  runner: QueryRunner,
  sql: string,
  parameters: readonly unknown[],
): Promise<Row[]> {
  const result = await runner.query(sql, [...parameters], true);
  return (result.records ?? []) as Row[];
}
