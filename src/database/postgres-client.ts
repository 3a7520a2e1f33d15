import pg from 'pg';

/** Milliseconds after which a statement that got no answer gets none: what PostgreSQL itself cuts off ends before. */
const SILENT_MS = 25_000;

/**
 * A connection that is dropped when a statement got no answer over it. The server may have died or moved without a word: then
 * nothing ever comes, and a pool that got the connection back would hand it out again.
 */
class PostgresClient extends pg.Client {
  private get socket(): { destroy(): void } {
    return (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream;
  }

  override query(...given: unknown[]): never {
    const answer = (super.query as (...given: unknown[]) => unknown).apply(this, given);
    // Where there is a callback instead, it is a pool's, which drops what failed by itself.
    if (answer instanceof Promise) answer.catch((error: unknown) => this.dropIfSilent(error));
    return answer as never;
  }

  private dropIfSilent(error: unknown): void {
    if (error instanceof Error && error.message === 'Query read timeout') this.socket.destroy();
  }
}

/** Of every connection to PostgreSQL: a peer that is gone is noticed within seconds while idle, and at the next statement else. */
export const CONNECTION = {
  Client: PostgresClient,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  query_timeout: SILENT_MS,
} as const;
