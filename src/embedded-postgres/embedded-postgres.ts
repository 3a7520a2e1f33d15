import { join } from 'node:path';
import pg from 'pg';
import {
  EmbeddedPostgresError,
  linkLibraries,
  locateBinaries,
  serverIdentity,
  type Binaries,
} from './binaries.js';
import { DataFolderClaim } from './claim.js';
import { openCluster, openDataFolder } from './cluster.js';
import { birthOf, readText, stopOrphan } from './process.js';
import { startServer, type Server, type ServerExit } from './server.js';

export { EmbeddedPostgresError } from './binaries.js';
export { DataFolderInUseError } from './claim.js';
export type { ServerExit } from './server.js';

/** Where and how the embedded PostgreSQL runs. */
export interface EmbeddedPostgresOptions {
  /** RINGBACK_DATA_DIR; made if missing. The cluster lives in `<dataDir>/postgres`. */
  dataDir: string;
  /** Server settings that add to or replace the defaults, such as `{ work_mem: '16MB' }`. */
  settings?: Record<string, string>;
  /** Receives every line the server logs; by default only FATAL and PANIC lines are shown, on stderr. */
  log?: (line: string) => void;
  /** `false` makes a service that runs as root start the server as uid 65534 rather than in a user namespace. */
  userNamespaces?: boolean;
}

/**
 * A PostgreSQL server of the service's own, whose data outlives it. One service process at a time works on a data
 * folder; whatever way the last one ended, the next `start` finds all that was committed.
 */
export class EmbeddedPostgres {
  /** Connects to the database `ringback` as its owner; good until the server ends, as the port changes. */
  readonly url: string;
  /** The server's first process. */
  readonly pid: number;
  /** Resolves when the server ends without having been asked to; never after `stop`. */
  readonly exited: Promise<ServerExit>;
  readonly #server: Server;
  readonly #claim: DataFolderClaim;
  #stopping: Promise<void> | undefined;

  private constructor(server: Server, url: string, claim: DataFolderClaim) {
    this.url = url;
    this.pid = server.pid;
    this.exited = server.endedUnasked;
    this.#server = server;
    this.#claim = claim;
  }

  /**
   * Starts the server, creating cluster and database on the first start. Throws `DataFolderInUseError` while
   * another service process works on the folder, and `EmbeddedPostgresError` when PostgreSQL cannot run here.
   */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const native = locateBinaries();
    const dataDir = openDataFolder(options.dataDir);
    const claim = DataFolderClaim.take(dataDir);
    try {
      const binaries: Binaries = {
        folder: native,
        libraryPath: linkLibraries(native, join(dataDir, 'postgres.libraries')),
        identity: serverIdentity(options.userNamespaces),
      };
      const { server, url } = await launch(dataDir, binaries, options);
      return new EmbeddedPostgres(server, url, claim);
    } catch (error) {
      claim.release();
      throw error;
    }
  }

  /** Throws `DataFolderInUseError` while another service process works on the folder; makes nothing. */
  static checkFree(dataDir: string): void {
    DataFolderClaim.checkFree(dataDir);
  }

  /** Connects to the server that runs in a data folder, whoever started it; undefined where none does. */
  static urlOfRunning(dataDir: string): string | undefined {
    const [pid, , , port, , , , state] =
      readText(join(dataDir, 'postgres', 'postmaster.pid'))?.split('\n') ?? [];
    const password = readText(join(dataDir, 'postgres.password'))?.trim();
    const runs = state?.trim() === 'ready' && birthOf(Number(pid)) !== undefined;
    return runs && password ? urlOf(Number(port), password, 'ringback') : undefined;
  }

  /** Ends open sessions, then the server, and gives the data folder free; safe to call more than once. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#server.stop().finally(() => this.#claim.release()));
  }
}

async function launch(
  dataDir: string,
  binaries: Binaries,
  { settings = {}, log = showFatal }: EmbeddedPostgresOptions,
): Promise<{ server: Server; url: string }> {
  const cluster = await openCluster(dataDir, binaries);
  await stopOrphan(cluster.folder, binaries);
  const server = await startServer(cluster.folder, binaries, settings, log);
  try {
    await createMissingDatabase(urlOf(server.port, cluster.password, 'postgres'));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { server, url: urlOf(server.port, cluster.password, 'ringback') };
}

function urlOf(port: number, password: string, database: string): string {
  return `postgres://ringback:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

async function createMissingDatabase(maintenanceUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: maintenanceUrl, connectionTimeoutMillis: 10_000 });
  // A server that ends meanwhile fails the statement; its error event would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = 'ringback'");
    if (rowCount === 0) await client.query('CREATE DATABASE ringback');
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `the embedded PostgreSQL started, but its database "ringback" could not be opened: ${(cause as Error).message}`,
      { cause },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

function showFatal(line: string): void {
  if (/ (FATAL|PANIC): /.test(line)) process.stderr.write(`embedded PostgreSQL: ${line}\n`);
}
