import { Injectable, Logger } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { type KeptLeases, LeaseKeeper } from '../../database/lease-keeper.js';
import { rideOut } from '../../database/ride-out.js';
import { WakeUps } from '../../engine/wake-ups.js';
import { RescueStore } from '../end/rescue.store.js';
import { OperationStore } from '../operation.store.js';
import { OperationWaits } from '../read/operation-waits.js';
import { RENEW_OPERATIONS } from './due-operations.js';
import type { OperationRun } from './operation-run.js';

/** How often runs are looked at for a cancel that no wake-up told, or told before the run was known here. */
const CANCELS_MS = 1_000;

/** The runs of this process and their leases: renews these, and fires the signal of a run that has lost its own or is to be canceled. */
@Injectable()
export class RunLeases {
  private readonly logger = new Logger('Operations');
  private readonly leases: KeptLeases;
  private readonly runs = new Map<string, OperationRun>();
  private renewal: NodeJS.Timeout | undefined;
  private cancels: NodeJS.Timeout | undefined;
  /** An outage kept leases from being renewed, and they are tried again until it is over. */
  private missed = false;
  private over = false;

  constructor(
    private readonly store: OperationStore,
    private readonly rescue: RescueStore,
    waits: OperationWaits,
    wakeUps: WakeUps,
    keeper: LeaseKeeper,
    private readonly config: OperationConfig,
  ) {
    this.leases = keeper.of({ renew: RENEW_OPERATIONS, leaseS: config.leaseS });
    // Ended by another part of this process: its handler needn't wait for the next renewal to learn it.
    waits.onEnded((requestId) => this.runs.get(requestId)?.abort('lease-lost'));
    // Ended elsewhere, or to be canceled: the row decides, now instead of at the next renewal.
    waits.onCanceling((requestId) => this.lookAt([requestId]));
    wakeUps.on('ended', (ids) => this.lookAt(ids));
    wakeUps.on('canceling', (ids) => this.lookAt(ids));
  }

  /** How many run. */
  get size(): number {
    return this.runs.size;
  }

  get running(): Iterable<OperationRun> {
    return this.runs.values();
  }

  /** Keeps the lease of a run that begins, until it is dropped. */
  hold(run: OperationRun): void {
    const { requestId: id, type: name, timeoutS: forS } = run.claim.operation;
    this.leases.hold({ id, token: run.leaseToken, name, forS });
    // Its lease ran out here, as it may after an outage: nobody else would stop it.
    this.runs.get(id)?.abort('lease-lost');
    this.runs.set(id, run);
    this.renewal ??= setInterval(() => void this.renewAll(), (this.config.leaseS * 1000) / 3).unref();
    this.cancels ??= this.soon();
  }

  drop(run: OperationRun): void {
    this.leases.drop(run.leaseToken);
    if (this.runs.get(run.requestId) === run) this.runs.delete(run.requestId);
  }

  /** Nothing runs any more. */
  stop(): void {
    this.over = true;
    clearInterval(this.renewal);
    clearTimeout(this.cancels);
  }

  private lookAt(requestIds: readonly string[]): void {
    // Where that fails the next renewal will tell.
    this.renew(requestIds.map((id) => this.runs.get(id)).filter((run) => run !== undefined)).catch(
      () => undefined,
    );
  }

  /** As soon as PostgreSQL is back: leases that ran out meanwhile are not spared for long. */
  private async renewAll(): Promise<void> {
    // One that failed is asking again already.
    if (this.missed) return;
    const renew = (): Promise<void> => this.renew([...this.runs.values()]);
    try {
      await renew();
    } catch (error) {
      // No answer isn't a miss: the fence decides when PostgreSQL is back.
      this.logger.warn(`leases could not be renewed: ${String(error)}`);
      if (this.missed) return;
      this.missed = true;
      await rideOut(renew, () => this.over).catch(() => undefined);
      this.missed = false;
    }
  }

  private soon(): NodeJS.Timeout {
    return setTimeout(() => void this.findCancels(), CANCELS_MS).unref();
  }

  private async findCancels(): Promise<void> {
    const heedless = [...this.runs.values()].filter(({ signal }) => !signal.aborted);
    try {
      if (heedless.length > 0)
        this.lookAt(await this.rescue.toBeCanceled(heedless.map(({ requestId }) => requestId)));
    } catch {
      // An outage: the next look.
    }
    this.cancels = this.runs.size > 0 && !this.over ? this.soon() : undefined;
  }

  /** Fails where PostgreSQL gave no answer. */
  private async renew(runs: readonly OperationRun[]): Promise<void> {
    if (runs.length === 0) return;
    const held = await this.store.renew(
      runs.map((run) => ({ requestId: run.requestId, leaseToken: run.claim.leaseToken })),
    );
    for (const run of runs) {
      const lease = held.get(run.requestId);
      if (lease?.canceling) run.abort('canceled');
      else if (!lease && this.runs.get(run.requestId) === run) run.abort('lease-lost');
    }
  }
}
