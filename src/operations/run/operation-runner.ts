import { Injectable, Logger } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { type KeptLeases, LeaseKeeper } from '../../database/lease-keeper.js';
import { rideOut } from '../../database/ride-out.js';
import { FilesService } from '../../files/files.service.js';
import type { Hint } from '../../engine/hint.js';
import { type Place, WorkerPool, type SendBack } from '../../engine/worker-pool.js';
import { AwaitingStore } from '../await/awaiting.store.js';
import { CompletionOffers } from '../await/completion-offers.js';
import { CompletionEnder } from '../await/completion-ender.js';
import { Suspension } from '../await/suspension.js';
import { HistoryStore } from '../read/history.store.js';
import { OperationDispatcher } from './operation.dispatcher.js';
import type { OperationEntity } from '../operation.entity.js';
import { CANCELED, type How, OperationEnder } from '../end/operation-ender.js';
import { OperationRun, RunAborted, storable } from './operation-run.js';
import { RENEW_OPERATIONS } from './due-operations.js';
import { RescueStore } from '../end/rescue.store.js';
import { OperationStore } from '../operation.store.js';
import { DispatchStore } from './dispatch.store.js';
import type { Release } from '../operation-rows.js';
import type { Claim } from './claim.js';
import type { OperationOutcome } from './operation-type.js';
import { OperationTypes, type RegisteredType } from './operation-types.js';
import { Processes } from '../../engine/processes.js';
import { WakeUps } from '../../engine/wake-ups.js';
import { OperationWaits } from '../read/operation-waits.js';
import { finished } from './run-ending.js';
import { StartOver } from './start-over.js';
import { SealedInputs } from '../accept/sealed-inputs.js';
import {
  type FailedAttempt,
  failedVerdict,
  faultOf,
  notBegun,
  silenced,
  startedOver,
  type Verdict,
  withoutHandler,
} from './verdict.js';

/** How long a handler gets to react to its signal before its run is decided without it; a cancel has a time of its own. */
const ABORT_GRACE_MS = 500;
/** Runs apart in this process at once. */
const MAX_APART = 8;
/** Runs that go on after a wait, in this process at once: each asks another service how far it is, and little else. */
const MAX_RESUMED = 200;
/** How often runs are looked at for a cancel that no wake-up told, or told before the run was known here. */
const CANCELS_MS = 1_000;

/** The end of an operation that nobody could complete. */
const NO_TOKEN = {
  state: 'Failed',
  code: 'no_completion_token',
  message: 'the handler waits for a completion and has made no token: call context.completion() first',
} as const satisfies How;

/** Runs operations: claims what hints name, runs the handler, settles. */
@Injectable()
export class OperationRunner {
  private readonly logger = new Logger('Operations');
  private readonly follower: WorkerPool;
  private readonly apart: WorkerPool;
  private readonly resumed: WorkerPool;
  private readonly leases: KeptLeases;
  private readonly runs = new Map<string, OperationRun>();
  private renewal: NodeJS.Timeout | undefined;
  private cancels: NodeJS.Timeout | undefined;
  /** An outage kept leases from being renewed, and they are tried again until it is over. */
  private missed = false;

  constructor(
    private readonly store: OperationStore,
    dispatches: DispatchStore,
    private readonly rescue: RescueStore,
    private readonly types: OperationTypes,
    private readonly inputs: SealedInputs,
    private readonly ender: OperationEnder,
    private readonly history: HistoryStore,
    private readonly files: FilesService,
    private readonly dispatcher: OperationDispatcher,
    private readonly awaiting: AwaitingStore,
    private readonly completions: CompletionEnder,
    private readonly offers: CompletionOffers,
    private readonly waits: OperationWaits,
    wakeUps: WakeUps,
    keeper: LeaseKeeper,
    processes: Processes,
    private readonly config: OperationConfig,
    database: Database,
  ) {
    this.leases = keeper.of({ renew: RENEW_OPERATIONS, leaseS: config.leaseS });
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
      running: () => this.runs.size,
    });
    // Ended by another part of this process: its handler needn't wait for the next renewal to learn it.
    waits.onEnded((requestId) => this.runs.get(requestId)?.abort('lease-lost'));
    // Ended elsewhere, or to be canceled: the row decides, now instead of at the next renewal.
    waits.onCanceling((requestId) => this.lookAt([requestId]));
    wakeUps.on('ended', (ids) => this.lookAt(ids));
    wakeUps.on('canceling', (ids) => this.lookAt(ids));
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
      for (const run of this.runs.values()) if (this.poolOf(run) === pool) run.abort('shutdown');
    };
    // What runs apart, or goes on after a wait, goes on elsewhere where it stands: nothing is gained by waiting for it.
    await Promise.all(
      [this.follower, this.apart, this.resumed].map((pool) =>
        pool.drain(pool === this.follower ? graceS : 0, () => cutOff(pool)),
      ),
    );
    clearInterval(this.renewal);
    clearTimeout(this.cancels);
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
    const { leaseToken, operation } = claim;
    this.leases.hold({
      id: operation.requestId,
      token: leaseToken,
      name: operation.type,
      forS: operation.timeoutS,
    });
    this.waits.grew(operation.requestId);
    const run = new OperationRun(claim, this.history, this.files, this.waits, this.offers);
    // Its lease ran out here, as it may after an outage: nobody else would stop it.
    this.runs.get(run.requestId)?.abort('lease-lost');
    this.runs.set(run.requestId, run);
    this.renewal ??= setInterval(() => void this.renewAll(), (this.config.leaseS * 1000) / 3).unref();
    this.cancels ??= this.soon();
    try {
      const verdict = await this.decide(claim, run);
      await run.finish(faultOf(verdict), () => this.follower.over);
      await this.settle(claim, run, verdict);
    } finally {
      this.leases.drop(leaseToken);
      if (this.runs.get(run.requestId) === run) this.runs.delete(run.requestId);
    }
  }

  private async decide(claim: Claim, run: OperationRun): Promise<Verdict> {
    // Asked for while another worker ran it, which gave it back.
    if (claim.operation.cancelAt !== null) return { kind: 'end', how: CANCELED };
    if (this.follower.stopping) return notBegun(claim, 'shut down');
    // Frozen between the claim's commit and its answer: the operation may have ended elsewhere long ago.
    if (performance.now() - claim.askedAt > this.config.leaseS * 1000) return notBegun(claim, 'was frozen');
    return silenced(claim) ?? this.run(claim, run);
  }

  private async run(claim: Claim, run: OperationRun): Promise<Verdict> {
    const { operation } = claim;
    const type = this.types.get(operation.type);
    if (!type || type.declared) return withoutHandler(claim);
    const timeout = setTimeout(() => run.abort('timeout'), Math.min(operation.timeoutS * 1000, 2 ** 31 - 1));
    try {
      const outcome = await Promise.race([this.work(type, run), this.aborted(run.signal)]);
      // It stopped because it was told to, with nothing to show for it.
      if (outcome === undefined && run.signal.aborted) throw run.signal.reason as RunAborted;
      if (outcome instanceof Suspension || outcome instanceof StartOver)
        return suspended(outcome, run.signal);
      return { kind: 'end', how: finished(outcome ?? {}) };
    } catch (error) {
      return this.failed(claim, type, run, error);
    } finally {
      clearTimeout(timeout);
    }
  }

  /** The check is the handler's own code too: it may hang, or be overtaken by the signal, as the run may. */
  private async work(type: RegisteredType, run: OperationRun): Promise<OperationOutcome | void> {
    const checked = await this.types.check(type, this.inputs.open(run.claim.operation));
    run.signal.throwIfAborted();
    return type.handler.run(checked, run);
  }

  /** Rejects some time after the signal fired: a handler that reacts to it decides its own end first. */
  private aborted(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const fire = (): void => {
        const reason = signal.reason as RunAborted;
        const graceMs = reason.cause === 'canceled' ? this.config.cancelGraceS * 1000 : ABORT_GRACE_MS;
        setTimeout(() => reject(reason), graceMs).unref();
      };
      if (signal.aborted) fire();
      else signal.addEventListener('abort', fire, { once: true });
    });
  }

  private failed(claim: Claim, type: RegisteredType, run: OperationRun, error: unknown): Verdict {
    const { verdict, attempt } = failedVerdict(claim, type, run.signal, error);
    if (attempt) this.logFailure(claim.operation, attempt);
    return verdict;
  }

  private logFailure(
    { rid, requestId, type, attempt, tries }: OperationEntity,
    failure: FailedAttempt,
  ): void {
    this.logger.warn({
      msg: 'attempt failed',
      operation: rid,
      request_id: requestId,
      type,
      attempt,
      tries,
      error: storable(failure.code),
      reason: storable(failure.message),
      ...(failure.delayS === null ? {} : { next_in_s: failure.delayS }),
      ...(failure.stack === null ? {} : { stack: failure.stack }),
    });
  }

  /** Rides out an outage: what was run must not be run again because PostgreSQL was away for a moment. */
  private async settle(claim: Claim, run: OperationRun, verdict: Verdict): Promise<void> {
    if (verdict.kind === 'lost') return;
    const { requestId } = claim.operation;
    const finishedAt = run.now();
    await rideOut(
      async () => {
        if (verdict.kind === 'end') await this.ender.end(claim, verdict.how, finishedAt);
        else if (verdict.kind === 'suspend') await this.suspend(claim, verdict.suspension, finishedAt);
        else {
          await this.store.release({ ...verdict, requestId, leaseToken: claim.leaseToken } satisfies Release &
            Verdict);
          this.waits.grew(requestId);
          this.dispatcher.wake();
        }
      },
      () => this.follower.over,
    );
  }

  /** Gives the operation up until it needs somebody, unless it has to end now. */
  private async suspend(claim: Claim, suspension: Suspension, finishedAt: Date): Promise<void> {
    const { requestId, type } = claim.operation;
    const slotless = this.types.get(type)?.slotless ?? false;
    const became = await this.awaiting.suspend({
      requestId,
      leaseToken: claim.leaseToken,
      suspension,
      slotless,
    });
    if (became === 'completed') await this.completions.end(claim, finishedAt);
    if (became === 'canceling') await this.ender.end(claim, CANCELED, finishedAt);
    if (became === 'no-token') await this.ender.end(claim, NO_TOKEN, finishedAt);
    // Others may have waited for its slot.
    if (slotless && claim.awaited === null) this.dispatcher.wake();
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
      await rideOut(renew, () => this.follower.over).catch(() => undefined);
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
    this.cancels = this.runs.size > 0 && !this.follower.over ? this.soon() : undefined;
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

/** A shutdown is no reason to run it again; a cancel, or a lost lease, is one to let it be. */
function suspended(outcome: Suspension | StartOver, signal: AbortSignal): Verdict {
  if (signal.aborted && (signal.reason as RunAborted).cause !== 'shutdown') throw signal.reason as RunAborted;
  return outcome instanceof Suspension ? { kind: 'suspend', suspension: outcome } : startedOver(outcome);
}
