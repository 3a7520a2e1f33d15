import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { EmbeddedPostgres } from '../../src/database/embedded-postgres.js';

/** Ringback's own tables and functions; every other statement is the queue's. */
const ROWS =
  /\b(operation|delivery|attempt|history_entry|idempotency_key|account|api_key|signing_secret|file|dispatch_operations|dispatch_deliveries)\b/;
const OURS = /\b(pg_stat_|pg_settings|ringback-bench)/;

/** What PostgreSQL has counted since it started. */
export interface Counted {
  /** Null without `pg_stat_statements`. Statements sent by clients; those inside functions belong to their caller. */
  readonly statements: { readonly rows: number; readonly queue: number } | null;
  readonly commits: number;
}

/** One statement and its share of PostgreSQL's time. */
export interface Statement {
  readonly text: string;
  readonly calls: number;
  readonly totalMs: number;
  readonly rows: number;
  readonly walBytes: number;
}

/** Makes the data folder's cluster and sets it up to count statements, before the service gets it. */
export async function prepareCluster(dataDir: string): Promise<void> {
  const postgres = await EmbeddedPostgres.start({ dataDir });
  try {
    const client = new pg.Client(postgres.url);
    await client.connect();
    await client.query(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`);
    await client.end();
  } finally {
    await postgres.stop();
  }
}

/** Reads the counters of the service's embedded PostgreSQL over a connection of its own. */
export class PostgresMeter implements AsyncDisposable {
  private constructor(
    private readonly client: pg.Client,
    readonly url: string,
    readonly pid: number,
    private readonly hasStatements: boolean,
  ) {}

  static async open(dataDir: string): Promise<PostgresMeter> {
    const [pid, , , port] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
    const password = readFileSync(join(dataDir, 'postgres.password'), 'utf8').trim();
    const url = `postgres://ringback:${encodeURIComponent(password)}@127.0.0.1:${port}/ringback`;
    const client = new pg.Client({ connectionString: url, application_name: 'ringback-bench' });
    // The service ends its server; that ends this connection too.
    client.on('error', () => undefined);
    await client.connect();
    const hasStatements = await client
      .query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
      .then(
        () => client.query('SELECT FROM pg_stat_statements LIMIT 1').then(() => true),
        () => false,
      )
      .catch(() => false);
    return new PostgresMeter(client, url, Number(pid), hasStatements);
  }

  async counted(): Promise<Counted> {
    const { rows } = await this.client.query<{ commits: string }>(
      'SELECT xact_commit AS commits FROM pg_stat_database WHERE datname = current_database()',
    );
    return { commits: Number(rows[0]!.commits), statements: this.hasStatements ? await this.calls() : null };
  }

  /** Starts counting statements anew, so that `top` is about what follows. */
  async forget(): Promise<void> {
    if (this.hasStatements) await this.client.query('SELECT pg_stat_statements_reset()');
  }

  /** The statements that took most time, longest first. */
  async top(most: number): Promise<Statement[]> {
    if (!this.hasStatements) return [];
    const statements = await this.statements();
    return statements.sort((a, b) => b.totalMs - a.totalMs).slice(0, most);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.end().catch(() => undefined);
  }

  private async calls(): Promise<{ rows: number; queue: number }> {
    const counts = { rows: 0, queue: 0 };
    for (const { text, calls } of await this.statements())
      counts[ROWS.test(text) ? 'rows' : 'queue'] += calls;
    return counts;
  }

  private async statements(): Promise<Statement[]> {
    const { rows } = await this.client.query<Record<'query' | 'calls' | 'ms' | 'rows' | 'wal', string>>(
      `SELECT query, calls, total_exec_time AS ms, rows, wal_bytes AS wal
       FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return rows
      .filter(({ query }) => !OURS.test(query))
      .map(({ query, calls, ms, rows: count, wal }) => ({
        text: query.replace(/\s+/g, ' '),
        calls: Number(calls),
        totalMs: Number(ms),
        rows: Number(count),
        walBytes: Number(wal),
      }));
  }
}
