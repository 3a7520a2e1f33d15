/** Runs one statement of the receiver's own, and gives how many rows it changed, or the first value that it read. */
export interface Statements {
  change(sql: string, ...values: (string | null)[]): Promise<number>;
  value(sql: string, ...values: string[]): Promise<string | null>;
}

/** The user's database: a transaction in which the receiver remembers the event, and the user works. */
export interface EventStore<Transaction> {
  /** Commits what `work` did when it resolves, and nothing of it when it rejects. */
  transaction<T>(work: (transaction: Transaction, statements: Statements) => Promise<T>): Promise<T>;
}

/** What the receiver remembers: text and times in RFC 3339, so that both databases have the same. */
export const TABLES = [
  'CREATE TABLE IF NOT EXISTS ringback_events (event text PRIMARY KEY, webhook_id text UNIQUE, seen_at text NOT NULL)',
  'CREATE TABLE IF NOT EXISTS ringback_caught_up (receiver text PRIMARY KEY, began text NOT NULL)',
];

/** What of a client of the npm package `pg` is used. */
export interface PostgresClient {
  query(
    sql: string,
    values?: unknown[],
  ): Promise<{ readonly rowCount: number | null; readonly rows: unknown[] }>;
  release(broken?: boolean): void;
}

/** Remembers in PostgreSQL; each event takes a client of the pool. */
export function postgres<Client extends PostgresClient>(pool: {
  connect(): Promise<Client>;
}): EventStore<Client> {
  return {
    async transaction(work) {
      const client = await pool.connect();
      let broken = true;
      try {
        await client.query('BEGIN');
        const done = await work(client, {
          change: async (sql, ...values) => (await client.query(sql, values)).rowCount ?? 0,
          value: async (sql, ...values) => first((await client.query(sql, values)).rows[0]),
        });
        await client.query('COMMIT');
        broken = false;
        return done;
      } catch (error) {
        broken = !(await client.query('ROLLBACK').then(
          () => true,
          () => false,
        ));
        throw error;
      } finally {
        client.release(broken);
      }
    },
  };
}

/** What of `DatabaseSync` of `node:sqlite`, or of `better-sqlite3`, is used. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): {
    run(...values: (string | null)[]): { readonly changes: number | bigint };
    get(...values: string[]): unknown;
  };
}

/** Remembers in SQLite, one event after the other: give it a connection that nothing else uses. */
export function sqlite<Database extends SqliteDatabase>(database: Database): EventStore<Database> {
  let last: Promise<unknown> = Promise.resolve();
  // Other processes may be writing.
  database.exec('PRAGMA busy_timeout = 5000');
  const statements: Statements = {
    change: (sql, ...values) =>
      Promise.resolve(Number(database.prepare(anonymous(sql)).run(...values).changes)),
    value: (sql, ...values) => Promise.resolve(first(database.prepare(anonymous(sql)).get(...values))),
  };
  return {
    transaction(work) {
      // A connection has one transaction at a time.
      const turn = last.then(async () => {
        database.exec('BEGIN IMMEDIATE');
        try {
          const done = await work(database, statements);
          database.exec('COMMIT');
          return done;
        } catch (error) {
          rollBack(database);
          throw error;
        }
      });
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}

/** Where the failure itself has rolled back, SQLite refuses; the failure is what is told. */
function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // Nothing is left to roll back.
  }
}

/** `$1` would be a name for SQLite. */
function anonymous(sql: string): string {
  return sql.replaceAll(/\$\d/g, '?');
}

function first(row: unknown): string | null {
  return row === undefined || row === null ? null : (Object.values(row)[0] as string);
}
