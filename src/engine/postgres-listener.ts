import { Logger } from '@nestjs/common';
import type pg from 'pg';
import { CONNECTION } from '../database/postgres-client.js';
import { after } from './worker-pool.js';

const RECONNECT_MS = 1_000;

/** Hears what is said on a channel; null: something may have been missed. */
export type Hearer = (text: string | null) => void;

/**
 * Hears notifications of PostgreSQL, for all of this process over one connection, which is made again whenever it ends. What is said
 * meanwhile is missed, so nothing may depend on it.
 */
export class PostgresListener {
  private readonly logger = new Logger('Wake-ups');
  private readonly hearers = new Map<string, Set<Hearer>>();
  private client: pg.Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly url: string) {}

  /** Hears a channel from about now on. */
  on(channel: string, hearer: Hearer): void {
    const hearers = this.hearers.get(channel);
    if (hearers) hearers.add(hearer);
    else this.hearers.set(channel, new Set([hearer]));
    if (this.client === undefined) void this.connect();
    else if (!hearers) void this.listen(this.client, [channel]);
  }

  async end(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await Promise.race([this.client?.end().catch(() => undefined), after(500)]);
  }

  private async connect(): Promise<void> {
    if (this.stopped) return;
    const client: pg.Client = new CONNECTION.Client({
      connectionString: this.url,
      ...CONNECTION,
      application_name: 'ringback-wake-ups',
      connectionTimeoutMillis: 5_000,
    });
    this.client = client;
    client.on('error', (error) => this.logger.debug(`the listener's connection failed: ${error.message}`));
    client.on('notification', ({ channel, payload }) => this.tell(channel, payload ?? ''));
    client.once('end', () => this.connectAgain());
    try {
      await client.connect();
    } catch (error) {
      this.logger.debug(`no wake-ups are heard: ${String(error)}`);
      return this.connectAgain();
    }
    await this.listen(client, [...this.hearers.keys()]);
  }

  /** Before a connection stands, whoever makes it listens. */
  private async listen(client: pg.Client, channels: readonly string[]): Promise<void> {
    try {
      for (const channel of channels) {
        await client.query(`LISTEN ${channel}`);
        this.tell(channel, null);
      }
    } catch (error) {
      this.logger.debug(`no wake-ups are heard: ${String(error)}`);
      await client.end().catch(() => undefined);
      this.connectAgain();
    }
  }

  private tell(channel: string, text: string | null): void {
    for (const hearer of this.hearers.get(channel) ?? []) hearer(text);
  }

  private connectAgain(): void {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => void this.connect(), RECONNECT_MS).unref();
  }
}
