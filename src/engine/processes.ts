import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DatabaseConfig, ProcessConfig, QueueConfig } from '../config/config.js';
import { VERSION } from '../config/version.js';
import { Database } from '../database/database.js';
import { crowding, poolSettings } from './connections.js';
import { Fleet } from './fleet.js';
import { type ProcessDescription, ProcessStore, type Workers } from './process.store.js';

const BEAT_MS = 10_000;
/** Workers that start together with this process are there by then, ms. */
const FIRST_LOOK_MS = 3_000;
/** What readiness, the log and `ringback doctor` say. */
export const NO_WORKERS =
  'no worker runs: operations are accepted and wait; start a process with RINGBACK_ROLE=worker on the same database';

/** What a process does for operations. */
export interface Work {
  readonly capacity: number;
  /** Names of operation types; known once the application is up. */
  handlers(): readonly string[];
  running(): number;
}

const NONE: Work = { capacity: 0, handlers: () => [], running: () => 0 };

/** Says that this process runs, and knows whether any worker does. */
@Injectable()
export class Processes implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  readonly id = `proc_${randomBytes(16).toString('hex')}`;
  private readonly logger = new Logger('Processes');
  private work = NONE;
  private workers: number | undefined;
  private warned = false;
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: ProcessStore,
    private readonly config: ProcessConfig,
    private readonly fleet: Fleet,
    private readonly rows: Database,
    private readonly database: DatabaseConfig,
    private readonly queue: QueueConfig,
  ) {}

  /** What this process runs; told before the application is up. */
  describe(work: Work): void {
    this.work = work;
  }

  /** Operations that it runs at this moment. */
  get running(): number {
    return this.work.running();
  }

  /** Null where a worker runs, as far as is known, else what to do. */
  get trouble(): string | null {
    return this.workers === 0 ? NO_WORKERS : null;
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.beat();
    this.timer = setTimeout(() => void this.look(), FIRST_LOOK_MS).unref();
  }

  onModuleDestroy(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Only now: what runs was given its grace time. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.beating;
    await this.store.forget(this.id).catch(() => undefined);
  }

  private async look(): Promise<void> {
    this.counted(await this.store.workers().catch(() => undefined));
    this.say();
    this.timer = setTimeout(() => this.again(), BEAT_MS - FIRST_LOOK_MS).unref();
    await this.sayCrowded().catch(() => undefined);
  }

  private again(): void {
    this.beating = this.beat().then(() => this.say());
    this.timer = setTimeout(() => this.again(), BEAT_MS).unref();
  }

  private async beat(): Promise<void> {
    const { id, work } = this;
    const description: ProcessDescription = {
      id,
      roles: [...this.config.roles],
      version: VERSION,
      host: hostname(),
      capacity: work.capacity,
      running: work.running(),
      handlers: [...work.handlers()],
    };
    // In an outage nobody knows, and readiness says that.
    this.counted(await this.store.beat(description).catch(() => undefined));
  }

  private counted(workers: Workers | undefined): void {
    this.workers = workers?.count;
    if (workers !== undefined) this.fleet.count(workers.count, workers.leastPlaces ?? Infinity);
  }

  /** Once: who is started last sees all. */
  private async sayCrowded(): Promise<void> {
    const crowd = await crowding(this.rows, poolSettings(this.database, this.queue));
    if (crowd !== null) this.logger.warn(crowd);
  }

  private say(): void {
    const none = this.workers === 0;
    if (this.workers === undefined || none === this.warned) return;
    this.warned = none;
    if (none) this.logger.warn(NO_WORKERS);
    else this.logger.log('a worker runs');
  }
}
