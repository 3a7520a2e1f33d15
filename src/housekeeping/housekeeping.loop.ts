import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HousekeepingConfig } from '../config/config.js';
import { FilesService } from '../files/files.service.js';
import { LedgerStore } from '../operations/ledger.store.js';
import { RetentionStore } from '../operations/retention.store.js';
import { DispatchLoop } from '../queues/dispatch-loop.js';
import { HousekeepingStore, ROUND_S } from './housekeeping.store.js';

/** Rows one statement takes at the most: short commits, that no other waits for. */
const MOST = 500;
const MOST_ENTRIES = 10_000;

/**
 * Deletes what has expired. Any number of processes may run one: a row in PostgreSQL says whose turn it is, and every step
 * is a commit of its own after which another process could go on.
 */
@Injectable()
export class HousekeepingLoop implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Housekeeping');
  private readonly loop: DispatchLoop;
  private stopping = false;

  constructor(
    private readonly store: HousekeepingStore,
    private readonly retention: RetentionStore,
    private readonly files: FilesService,
    private readonly ledger: LedgerStore,
    config: HousekeepingConfig,
  ) {
    this.loop = new DispatchLoop({
      name: 'housekeeping',
      pollMs: config.everyS * 1000,
      round: () => this.round(),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    await this.loop.stop();
  }

  private async round(): Promise<boolean> {
    if (!(await this.store.takeTurn())) return false;
    const until = performance.now() + ROUND_S * 1000;
    const swept = {
      operations: await this.all(MOST, until, (most) => this.retention.sweep(most)),
      files: await this.all(MOST, until, (most) => this.files.sweep(most)),
      notices: await this.all(MOST, until, (most) => this.store.dropNotices(most)),
      keys: await this.all(MOST, until, (most) => this.store.dropKeys(most)),
    };
    await this.all(MOST_ENTRIES, until, (most) => this.ledger.addUp(most));
    await this.store.dropSmall();
    const more = performance.now() >= until && !this.stopping;
    await this.store.endTurn(more);
    if (Object.values(swept).some((count) => count > 0)) this.logger.log({ msg: 'housekeeping', ...swept });
    return more;
  }

  /** Repeats a step while it finds as many rows as it may, within the round's time. */
  private async all(most: number, until: number, step: (most: number) => Promise<number>): Promise<number> {
    let total = 0;
    for (;;) {
      const looked = await step(most);
      total += looked;
      if (looked < most || performance.now() >= until || this.stopping) return total;
    }
  }
}
