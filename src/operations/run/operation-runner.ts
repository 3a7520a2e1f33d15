import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import type { Hint } from '../../engine/hint.js';
import { Processes } from '../../engine/processes.js';
import { type Place, WorkerPool, type SendBack } from '../../engine/worker-pool.js';
import { FilesService } from '../../files/files.service.js';
import { CompletionOffers } from '../await/completion-offers.js';
import { CANCELED } from '../end/operation-ender.js';
import { OperationStore } from '../operation.store.js';
import { HistoryStore } from '../read/history.store.js';
import { OperationWaits } from '../read/operation-waits.js';
import type { Claim } from './claim.js';
import { DispatchStore } from './dispatch.store.js';
import { HandlerCalls } from './handler-calls.js';
import { OperationRun } from './operation-run.js';
import { OperationTypes } from './operation-types.js';
import { RunLeases } from './run-leases.js';
import { RunSettler } from './run-settler.js';
import { faultOf, notBegun, silenced, type Verdict } from './verdict.js';

/** Runs apart in this process at once. */
const MAX_APART = 8;
/** Runs that go on after a wait, in this process at once: each asks another service how far it is, and little else. */
const MAX_RESUMED = 200;

/** Runs operations: claims what hints name, runs the handler, settles. */
@Injectable()
export class OperationRunner {
  private readonly follower: WorkerPool;
  private readonly apart: WorkerPool;
  private readonly resumed: WorkerPool;
  private readonly isOver = (): boolean => this.follower.over;

  constructor(
    private readonly store: OperationStore,
    dispatches: DispatchStore,
    private readonly types: OperationTypes,
    private readonly handlers: HandlerCalls,
    private readonly settler: RunSettler,
    private readonly leases: RunLeases,
    private readonly history: HistoryStore,
    private readonly files: FilesService,
    private readonly offers: CompletionOffers,
    private readonly waits: OperationWaits,
    processes: Processes,
    private readonly config: OperationConfig,
    database: Database,
  ) {
    this.follower = new WorkerPool({
      name: 'Operations',
      concurrency: config.concurrency,
      act: (hint) => this.claimAndRun(hint),
      giveBack: (hint) => dispatches.returnHint(hint),
      reach: () => database.query('SELECT'),
    });
    this.apart = new WorkerPool({
      name: 'Operations apart',
      concurrency: MAX_APART,
      act: (hint) => this.claimAndRun(hint),
      giveBack: () => Promise.resolve(),
      reach: () => database.query('SELECT'),
    });
    this.resumed = new WorkerPool({
      name: 'Operations that go on',
      concurrency: MAX_RESUMED,
      act: (hint) => this.claimAndRun(hint),
      giveBack: () => Promise.resolve(),
      reach: () => database.query('SELECT'),
    });
    processes.describe({
      capacity: config.concurrency,
      handlers: () => types.handled().map(({ name }) => name),
      running: () => leases.size,
    });
  }

  /** Begins to run what the hints name, as far as there are places; resolves when there is a place for more. */
  follow(hints: readonly Hint[], sendBack: SendBack): Promise<void> {
    return this.follower.follow(hints, sendBack);
  }

  /** A place for what runs apart; null where there is none. */
  placeApart(): Place | null {
    return this.apart.reserve();
  }

  /** Runs in such a place what nobody else runs. */
  runApart(place: Place, hint: Hint): void {
    this.apart.run(place, hint.id, this.claimAndRun(hint));
  }

  /** A place for what goes on after a wait; null where there is none. */
  placeResumed(): Place | null {
    return this.resumed.reserve();
  }

  /** Runs in such a place what this process has leased. */
  resume(place: Place, claim: Claim): Promise<void> {
    const running = this.runClaimed(claim);
    this.resumed.run(place, claim.operation.requestId, running);
    return running.catch(() => undefined);
  }

  /** Stops claiming, lets runs finish for `graceS`, then fires their signals and gives back what is still running. */
  async drain(graceS: number): Promise<void> {
    const cutOff = (pool: WorkerPool): void => {
      for (const run of this.leases.running) if (this.poolOf(run) === pool) run.abort('shutdown');
    };
    // What runs apart, or goes on after a wait, goes on elsewhere where it stands: nothing is gained by waiting for it.
    await Promise.all(
      [this.follower, this.apart, this.resumed].map((pool) =>
        pool.drain(pool === this.follower ? graceS : 0, () => cutOff(pool)),
      ),
    );
    this.leases.stop();
  }

  private poolOf({ claim }: OperationRun): WorkerPool {
    if (claim.awaited !== null) return this.resumed;
    return this.types.get(claim.operation.type)?.apart ? this.apart : this.follower;
  }

  private async claimAndRun(hint: Hint): Promise<void> {
    const claim = await this.store.claim(hint);
    if (claim) await this.runClaimed(claim);
  }

  private async runClaimed(claim: Claim): Promise<void> {
    const run = new OperationRun(claim, this.history, this.files, this.waits, this.offers);
    this.leases.hold(run);
    this.waits.grew(run.requestId);
    try {
      const verdict = await this.decide(run);
      await run.finish(faultOf(verdict), this.isOver);
      await this.settler.settle(run, verdict, this.isOver);
    } finally {
      this.leases.drop(run);
    }
  }

  private async decide(run: OperationRun): Promise<Verdict> {
    const { claim } = run;
    // Asked for while another worker ran it, which gave it back.
    if (claim.operation.cancelAt !== null) return { kind: 'end', how: CANCELED };
    if (this.follower.stopping) return notBegun(claim, 'shut down');
    // Frozen between the claim's commit and its answer: the operation may have ended elsewhere long ago.
    if (performance.now() - claim.askedAt > this.config.leaseS * 1000) return notBegun(claim, 'was frozen');
    return silenced(claim) ?? this.handlers.call(run);
  }
}
