import type { EventEmitter } from 'node:events';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { seeksPrimary, serversOf } from '../config/postgres-url.js';
import { isFull, NotWritableError, sqlState } from './database-errors.js';
import {
  type FoundServer,
  isCurrent,
  isSame,
  leave,
  type Place,
  primaryOf,
  type Timeline,
} from './primary.js';

/** How long a server, and the search among several, may take, milliseconds. */
const ASK_MS = 3_000;
const SEARCH_MS = 4_000;

/** What a server that takes no writes reports as on. */
const READ_ONLY = ['in_hot_standby', 'default_transaction_read_only'];
const A_STANDBY = 'it is a standby, which takes no writes: promote it, or name its primary in DATABASE_URL';
const MADE_READ_ONLY =
  'it takes no writes, as default_transaction_read_only is on: switch that off for the server, the database and the user';

/** What node-postgres calls, and what it keeps to itself. */
export type Callback = (...answer: unknown[]) => void;
type Connected = Parameters<pg.Client['connect']>[0];
interface Inner {
  readonly connection: EventEmitter & { readonly stream: Socket };
  host: string;
  port: number;
}

/** A parameter that the server reports by itself, at sign-in and as it changes. */
interface Reported {
  readonly parameterName: string;
  readonly parameterValue: string;
}

/**
 * A connection that is made only where writes are taken: of several servers in its URL it finds that one, and one that takes none is
 * refused as if it were away.
 */
export class WritableClient extends pg.Client {
  /** The URL of several servers among which one is found, and what was. */
  private readonly several: string | undefined;
  private found: { readonly search: Promise<FoundServer>; readonly server: FoundServer } | undefined;
  private readonly reported = new Map<string, string>();

  constructor(given?: string | pg.ClientConfig) {
    const config = typeof given === 'string' ? { connectionString: given } : given;
    const url = config?.connectionString;
    const several = url !== undefined && seeksPrimary(url) ? url : undefined;
    super(several === undefined ? config : { ...config, connectionString: serversOf(several)[0]!.url });
    this.several = several;
    this.inner.connection.on('parameterStatus', ({ parameterName, parameterValue }: Reported) =>
      this.reported.set(parameterName, parameterValue),
    );
    this.on('notice', ({ routine }) => this.refuseUnreplicated(routine));
  }

  override connect(): Promise<this>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<this> | void {
    const reached = this.reach();
    if (!callback) return reached.then(() => this);
    reached.then(() => (callback as Callback)(null, this), callback as Callback);
  }

  /** Ends it at once, whatever waits for an answer over it. */
  drop(): void {
    this.inner.connection.stream.destroy();
  }

  /** Its server is silent, away or takes no writes: the next connection is to wherever writes are taken then. `inVain`: a statement was. */
  protected leaveServer(inVain: boolean): void {
    const { several, found } = this;
    if (several !== undefined && found) leave(several, found.search, found.server, inVain);
  }

  /** Whether another connection is still to where the writes were before. Another way to the same server is as good. */
  protected hasMovedFrom(other: WritableClient): boolean {
    if (this.several === undefined || this.several !== other.several || !this.found) return false;
    const isSameServer =
      this.isBeside(other) || isSame(this.found.server.timeline, other.found?.server.timeline);
    return isCurrent(this.several, this.found.search) && !isSameServer;
  }

  /** Whether both are to the same server. */
  protected isBeside(other: WritableClient): boolean {
    const [one, two] = [this, other].map(
      ({ host, port, found }) => `${host} ${port} ${found?.server.address}`,
    );
    return one === two;
  }

  /** Has it connect to this server, by the address that was found, and under its own name for the server's certificate. */
  aimAt({ host, port, address }: Place): this {
    const { inner } = this;
    inner.host = host;
    if (port !== '') inner.port = Number(port);
    if (address === undefined) return this;
    const { stream } = inner.connection;
    const connect = stream.connect.bind(stream);
    stream.connect = ((to: number, name: string) =>
      connect({ port: to, host: name, lookup: always(address) })) as Socket['connect'];
    return this;
  }

  /** Asks the server itself; rejects where it takes no writes. */
  async refuseReadOnly(): Promise<void> {
    const { rows } = await super.query<{ standby: boolean; read_only: boolean }>(
      `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS read_only`,
    );
    const { standby, read_only } = rows[0]!;
    if (standby) throw new NotWritableError(A_STANDBY);
    if (read_only) throw new NotWritableError(MADE_READ_ONLY);
  }

  /** Asks the server which timeline it writes; undefined where it doesn't tell. */
  async timeline(): Promise<Timeline | undefined> {
    try {
      const { rows } = await super.query<Timeline>(
        `SELECT system_identifier::text AS cluster, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer AS number
         FROM pg_control_system()`,
      );
      return rows[0];
    } catch (error) {
      if (sqlState(error) === undefined) throw error;
      return undefined;
    }
  }

  private get inner(): Inner {
    return this as unknown as Inner;
  }

  private async reach(): Promise<void> {
    if (this.several !== undefined) await this.search(this.several);
    try {
      await super.connect();
      const reported = READ_ONLY.some((name) => this.reported.get(name) === 'on');
      // A pooler may report what its server was before it was promoted.
      if (reported) await this.refuseReadOnly();
    } catch (error) {
      this.drop();
      // One that has no room for another is where the writes go all the same.
      if (!isFull(error)) this.leaveServer(false);
      throw error;
    }
  }

  private async search(url: string): Promise<void> {
    const search = primaryOf(url, ask);
    const late = delay(SEARCH_MS, undefined, { ref: false }).then(() =>
      Promise.reject(new Error(`no server that takes writes was found within ${SEARCH_MS / 1000} s`)),
    );
    const server = await Promise.race([search, late]);
    this.found = { search, server };
    this.aimAt(server);
  }

  /**
   * Where somebody cancels a commit that waits for a standby, PostgreSQL only warns and goes on as if it were kept there. It isn't
   * acknowledged: whoever sent it learns that nobody knows.
   */
  private refuseUnreplicated(routine: string | undefined): void {
    if (routine !== 'SyncRepWaitForLSN') return;
    this.inner.connection.emit('error', new Error('what was committed may not be on a standby yet'));
    this.drop();
  }
}

/** Connects once, to see whether it takes writes, and which. */
async function ask(place: Place): Promise<Timeline | undefined> {
  const client = new WritableClient({
    connectionString: place.url,
    connectionTimeoutMillis: ASK_MS,
    query_timeout: ASK_MS,
    application_name: 'ringback-search',
  }).aimAt(place);
  // What happens to it from then on is nobody's concern.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.refuseReadOnly();
    return await client.timeline();
  } finally {
    client.drop();
  }
}

/** Whatever the name leads to by now. */
function always(address: string): LookupFunction {
  const family = isIP(address);
  return (_, { all }, found) => (all ? found(null, [{ address, family }]) : found(null, address, family));
}
