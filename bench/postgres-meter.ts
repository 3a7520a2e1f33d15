import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

/** What the bench itself asks. */
const OURS = /\b(pg_stat_|pg_settings|pg_current_wal|ringback-bench|CHECKPOINT)/;

/** What PostgreSQL has counted since it started. */
export interface Counted {
  /** Null without `pg_stat_statements`. Statements sent by clients; those inside functions belong to their caller. */
  readonly statements: { readonly rows: number; readonly queue: number } | null;
  readonly commits: number;
  /** Bytes of log written, whole pages included. */
  readonly walBytes: number;
}

/** One statement and its share of PostgreSQL's time. */
export interface Statement {
  readonly text: string;
  readonly calls: number;
  readonly totalMs: number;
  readonly rows: number;
  readonly walBytes: number;
}

/** Calls of some statements, and the time they took. */
export interface Spent {
  readonly calls: number;
  readonly ms: number;
}

/** What the engine's two kinds of looking for work took; null where a revision has no statement that is known as such. */
export interface LookingSpent {
  readonly dispatch: Spent | null;
  readonly claims: Spent | null;
}

const DISPATCH = /\bdispatch_\w+\s*\(/;
const CLAIM = /\bclaim\w*\s*\(|^WITH wanted\b/;

/** Reads the counters of the service's embedded PostgreSQL over a connection of its own. */
export class PostgresMeter implements AsyncDisposable {
  private constructor(
    private readonly client: pg.Client,
    readonly url: string,
    readonly pid: number,
    private readonly hasStatements: boolean,
    /** The names of Ringback's own tables and functions; every other statement is the queue's. */
    private readonly rows: RegExp,
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
    return new PostgresMeter(client, url, Number(pid), hasStatements, await ownNames(client));
  }

  /** From the next start on, the server counts statements. */
  async preloadStatements(): Promise<void> {
    await this.client.query(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`);
  }

  async counted(): Promise<Counted> {
    const { rows } = await this.client.query<{ commits: string; wal: string }>(
      `SELECT xact_commit AS commits, pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal
       FROM pg_stat_database WHERE datname = current_database()`,
    );
    return {
      commits: Number(rows[0]!.commits),
      walBytes: Number(rows[0]!.wal),
      statements: this.hasStatements ? await this.calls() : null,
    };
  }

  /** Lets the log begin anew, as it does every few minutes: the first change of each page from here on writes it whole. */
  async checkpoint(): Promise<void> {
    await this.client.query('CHECKPOINT');
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

  /** What dispatch and claims took since counting began anew. */
  async looking(): Promise<LookingSpent | null> {
    if (!this.hasStatements) return null;
    const statements = await this.statements();
    return { dispatch: spentOn(DISPATCH, statements), claims: spentOn(CLAIM, statements) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.end().catch(() => undefined);
  }

  private async calls(): Promise<{ rows: number; queue: number }> {
    const counts = { rows: 0, queue: 0 };
    for (const { text, calls } of await this.statements())
      counts[this.rows.test(text) ? 'rows' : 'queue'] += calls;
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

function spentOn(which: RegExp, statements: readonly Statement[]): Spent | null {
  const those = statements.filter(({ text }) => which.test(text));
  if (those.length === 0) return null;
  const sum = (of: (statement: Statement) => number): number =>
    those.reduce((total, statement) => total + of(statement), 0);
  return { calls: sum(({ calls }) => calls), ms: sum(({ totalMs }) => totalMs) };
}

/** Reads them from the catalog, as revisions differ in what they have. */
async function ownNames(client: pg.Client): Promise<RegExp> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
     UNION SELECT proname FROM pg_proc p WHERE pronamespace = current_schema()::regnamespace
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`,
  );
  return new RegExp(`\\b(${rows.map(({ name }) => name).join('|')})\\b`);
}
