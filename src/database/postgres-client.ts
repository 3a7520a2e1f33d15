import type { EventEmitter } from 'node:events';
import type pg from 'pg';
import { isReadOnly, isStalePlan } from './database-errors.js';
import { planName } from './planned-once.js';
import { type Callback, WritableClient } from './writable-client.js';

/** Milliseconds after which a statement that got no answer gets none: what PostgreSQL itself cuts off ends before. */
const SILENT_MS = 22_000;

type Settings = Readonly<Record<string, string>>;

/** The open connections of this process. */
const open = new Set<PostgresClient>();

/**
 * A connection that is dropped when a statement got no answer over it, and with it all others to the same server on which nobody
 * waits for one. The server may have died or moved without a word: then nothing ever comes, and a pool that got such a connection
 * back would hand it out again, one after the other. The same where the server takes no writes any more, and where writes have
 * moved to another one.
 *
 * Its end never ends the process: between a pool's hand-over and the listener of whoever gets it, nobody listens for errors.
 */
class PostgresClient extends WritableClient {
  private asked = 0;
  /** Whether this connection is known to be to the server itself: a pooler may give each transaction another, which hasn't what was prepared. */
  private direct = false;
  /** Whether it has its pool's settings, or limits that its role was given. */
  private limited = false;
  /** How the connection ended while nobody listened: the first who does is told. */
  private unheard: unknown;
  private failed = false;

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.once('connect', () => this.leaveOthers());
    this.once('end', () => open.delete(this));
    (this as EventEmitter).on('newListener', (event) => {
      if (event === 'error' && this.unheard !== undefined) process.nextTick(() => this.tell());
    });
  }

  /** Those to where the writes were before are dropped, whoever waits for an answer: it may be a server that nobody hears of again. */
  private leaveOthers(): void {
    for (const other of open) if (this.hasMovedFrom(other)) other.drop();
    open.add(this);
  }

  override emit(event: string | symbol, ...given: unknown[]): boolean {
    if (event === 'error') this.failed = true;
    if (event !== 'error' || this.listenerCount('error') > 0) return super.emit(event, ...given);
    this.unheard = given[0];
    return false;
  }

  private tell(): void {
    const error = this.unheard;
    this.unheard = undefined;
    if (error !== undefined) this.emit('error', error);
  }

  override query(...given: unknown[]): never {
    given = this.planned(given);
    const callback = given.at(-1);
    if (typeof callback === 'function') given[given.length - 1] = this.counting(callback as Callback);
    const answer = (super.query as (...given: unknown[]) => unknown).apply(this, given);
    if (answer instanceof Promise) void this.listenTo(answer);
    return answer as never;
  }

  /**
   * Asks who serves this connection: the server said at sign-in, and a pooler gave a number of its own. Where it is the server, or
   * `keeps` says that a pooler keeps them, the settings are made. Not at start-up: a pooler refuses who asks for them there.
   */
  async begin(settings: Settings, keeps: boolean): Promise<void> {
    const { processID } = this as unknown as { processID: number | null };
    const { rows } = await (this as pg.Client).query<{ direct: boolean | null; limited: boolean }>(
      `SELECT pg_backend_pid() = $1::integer AS direct,
         current_setting('jit') = 'off' AND current_setting('statement_timeout') <> '0' AS limited, CASE WHEN $2 OR pg_backend_pid() = $1::integer
         THEN (SELECT count(set_config(name, value, false)) FROM unnest($3::text[], $4::text[]) AS s (name, value)) END AS set`,
      [processID, keeps, Object.keys(settings), Object.values(settings)],
    );
    // Its end came with the answer: the pool has heard of it, would hand it out all the same, and whoever gets it would never hear.
    if (this.failed) throw new Error('the connection ended as soon as it was made');
    this.direct = rows[0]!.direct === true;
    this.limited = this.direct || keeps || rows[0]!.limited;
  }

  get isLimited(): boolean {
    return this.limited;
  }

  private planned(given: unknown[]): unknown[] {
    const [text, values, ...rest] = given;
    if (!this.direct || typeof text !== 'string' || !Array.isArray(values)) return given;
    const name = planName(text);
    return name === undefined ? given : [{ name, text, values }, ...rest];
  }

  /** A pool's, which drops by itself what failed. */
  private counting(callback: Callback): Callback {
    this.asked++;
    return (...answer) => {
      this.asked--;
      this.judge(answer[0]);
      callback(...answer);
    };
  }

  private async listenTo(answer: Promise<unknown>): Promise<void> {
    this.asked++;
    try {
      await answer;
    } catch (error) {
      this.judge(error);
      if (error instanceof Error && error.message === 'Query read timeout') this.leave();
    } finally {
      this.asked--;
    }
  }

  private judge(error: unknown): void {
    if (isStalePlan(error)) this.direct = false;
    if (isReadOnly(error)) this.leave();
  }

  private leave(): void {
    this.leaveServer(true);
    this.drop();
    for (const other of open) if (other.asked === 0 && this.isBeside(other)) other.drop();
  }
}

/** Of every connection to PostgreSQL: a peer that is gone is noticed within seconds while idle, and at the next statement else. */
export const CONNECTION = {
  Client: PostgresClient,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  query_timeout: SILENT_MS,
} as const;

/**
 * Of rows. A process that froze inside a transaction must not keep its locks from the others. And what is estimated high here is an
 * index that is used against all odds: it is over long before it would be compiled.
 */
export const LIMITS = {
  jit: 'off',
  statement_timeout: '20000',
  idle_in_transaction_session_timeout: '10000',
} as const;

/**
 * Of a pool whose connections have these settings; `keeps` where it is known that settings stay with a connection. A new one costs as
 * much as dozens of statements: it signs in, and learns its catalogs and plans. So those that an idle service takes turns on are
 * kept, and what a busy moment has added stays for a while.
 */
export function poolWith(settings: Settings, keeps = false) {
  return {
    ...CONNECTION,
    min: 2,
    idleTimeoutMillis: 60_000,
    onConnect: (client: object): Promise<void> => (client as PostgresClient).begin(settings, keeps),
  } as const;
}

/** Whether a connection has limits. Behind a pooler they are made for each transaction, unless its role was given some. */
export function hasLimits(client: object): boolean {
  return client instanceof PostgresClient && client.isLimited;
}
