import { Injectable, Logger } from '@nestjs/common';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { VacuumStore, warningOf } from '../database/vacuum.store.js';
import { FilesService } from '../files/files.service.js';
import { LedgerStore } from '../operations/read/ledger.store.js';
import { FlowStore } from '../operations/flow/flow.store.js';
import { StatsStore } from '../operations/stats/stats.store.js';
import { RetentionStore } from '../operations/retain/retention.store.js';
import type { Hint } from '../engine/hint.js';
import { after } from '../engine/worker-pool.js';
import type { Follower } from '../engine/work-processor.js';
import { DepartedAccounts } from './departed-accounts.store.js';
import { HousekeepingDispatcher } from './housekeeping.dispatcher.js';
import { HousekeepingStore, ROUND_S } from './housekeeping.store.js';
import { PartitionStore } from './partition.store.js';
import { Resealing } from './resealing.js';

/** Rows one statement takes at the most: short commits, that no other waits for. */
const MOST = 500;
const MAX_ENTRIES = 10_000;
/** Numbers of records that are booked off in one commit. */
const MAX_NUMBERS = 100_000;

/** Deletes what has expired, and seals anew what an older key sealed. Every step is a commit of its own, after which another process could go on. */
@Injectable()
export class Housekeeping implements Follower {
  private readonly logger = new Logger('Housekeeping');
  private running: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(
    private readonly store: HousekeepingStore,
    private readonly partitions: PartitionStore,
    private readonly retention: RetentionStore,
    private readonly departed: DepartedAccounts,
    private readonly resealing: Resealing,
    private readonly files: FilesService,
    private readonly ledger: LedgerStore,
    private readonly stats: StatsStore,
    private readonly flows: FlowStore,
    private readonly dispatcher: HousekeepingDispatcher,
    private readonly vacuum: VacuumStore,
  ) {}

  async follow(hints: readonly Hint[]): Promise<void> {
    for (const hint of hints) {
      this.running = this.claimAndSweep(hint).catch((error: unknown) => {
        // The row is due again when its lease is over.
        this.logger.warn(`a round failed and is tried again: ${String(error)}`);
      });
      await this.running;
    }
  }

  async drain(graceS: number): Promise<void> {
    this.stopping = true;
    await Promise.race([this.running, after(graceS * 1000)]);
  }

  private async claimAndSweep(hint: Hint): Promise<void> {
    const lease = this.stopping ? null : await this.store.claim(hint);
    if (lease === null) return;
    const more = await this.sweep();
    await this.store.settle(lease, more);
    if (more) this.dispatcher.wake();
  }

  private async sweep(): Promise<boolean> {
    const until = performance.now() + ROUND_S * 1000;
    // Before all else: without them nothing is accepted.
    await this.partitions.make();
    // Before the files, whose bytes then go in the same round.
    await this.all(MOST, until, (most) => this.departed.sweep(most));
    const swept = {
      operations: await this.all(MOST, until, (most) => this.retention.sweep(most)),
      files: await this.all(MOST, until, (most) => this.files.sweep(most)),
      keys: await this.all(MOST, until, (most) => this.store.dropKeys(most)),
    };
    await this.all(MAX_ENTRIES, until, (most) => this.ledger.addUp(most));
    await this.all(MAX_ENTRIES, until, (most) => this.store.dropReceivers(most));
    await this.all(MAX_ENTRIES, until, (most) => this.store.dropAudit(most));
    await this.all(MAX_ENTRIES, until, (most) => this.stats.drop(most));
    await this.all(MOST, until, (most) => this.flows.forget(most));
    await this.all(MOST, until, (most) => this.resealing.sweep(most));
    await this.all(MOST, until, (most) => this.store.cancelOrphaned(most));
    await this.store.dropSmall();
    const tables = await this.dropOld(until);
    if (tables > 0 || Object.values(swept).some((count) => count > 0))
      this.logger.log({ msg: 'housekeeping', ...swept, tables });
    const warning = warningOf(await this.vacuum.read());
    if (warning !== null) this.logger.warn(warning);
    return performance.now() >= until && !this.stopping;
  }

  /** Whole partitions, which the others of the round don't wait for; a lock that can't be had is tried again in the next. */
  private async dropOld(until: number): Promise<number> {
    try {
      await this.partitions.rotate();
      await this.partitions.retire();
      await this.all(MAX_NUMBERS, until, (most) => this.partitions.bookOff(most));
      return await this.partitions.drop(until);
    } catch (error) {
      const cause = error instanceof DatabaseUnavailableError ? error.cause : error;
      this.logger.warn(`old records are kept until the next round: ${String(cause)}`);
      return 0;
    }
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
