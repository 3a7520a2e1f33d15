import pg from 'pg';
import { EmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';
import type { Leftovers } from '../processes/leftovers.js';

const STATEMENT_MS = 20_000;

/** The PostgreSQL of a campaign: a real server, which is crashed and started again. */
export class Postgres {
  private constructor(
    private readonly dataDir: string,
    private readonly leftovers: Leftovers,
    private server: EmbeddedPostgres,
  ) {}

  static async start(leftovers: Leftovers): Promise<Postgres> {
    const dataDir = await leftovers.folder('postgres');
    return new Postgres(dataDir, leftovers, await launch(dataDir, leftovers));
  }

  get port(): number {
    return Number(new URL(this.server.url).port);
  }

  /** The URL at a door. */
  urlAt(port: number): string {
    const url = new URL(this.server.url);
    url.port = String(port);
    return url.href;
  }

  /** Immediate shutdown: what was not committed is lost, as in a crash. */
  async crash(): Promise<void> {
    process.kill(this.server.pid, 'SIGQUIT');
    await this.server.exited;
    this.leftovers.orphans.delete(this.server.pid);
    await this.server.stop();
  }

  /** The same data again, on another port. */
  async restart(): Promise<void> {
    this.server = await launch(this.dataDir, this.leftovers);
  }

  async stop(): Promise<void> {
    this.leftovers.orphans.delete(this.server.pid);
    await this.server.stop();
  }

  /** Rows of a statement, over a connection of its own which no fault is in the way of. */
  async rows<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({
      connectionString: this.server.url,
      query_timeout: STATEMENT_MS,
      connectionTimeoutMillis: STATEMENT_MS,
    });
    // The server is crashed under it.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query(sql, parameters)).rows as Row[];
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function launch(dataDir: string, leftovers: Leftovers): Promise<EmbeddedPostgres> {
  // Every session that a crash ends says so, and FATAL.
  const server = await EmbeddedPostgres.start({
    dataDir,
    settings: { max_connections: '400' },
    log: () => undefined,
  });
  leftovers.orphans.add(server.pid);
  return server;
}
