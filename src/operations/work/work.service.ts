import { Injectable } from '@nestjs/common';
import { CANCELED, type How, OperationEnder } from '../end/operation-ender.js';
import { OperationRefusedError } from '../operation.errors.js';
import type { OperationState } from '../operation.state.js';
import { OperationStore } from '../operation.store.js';
import { HistoryStore, type Report } from '../read/history.store.js';
import { OperationWaits } from '../read/operation-waits.js';
import type { Claim } from '../run/claim.js';
import { OperationError } from '../run/operation-context.js';
import { storable } from '../run/operation-run.js';
import { OperationTypes } from '../run/operation-types.js';
import { retryPolicy } from '../run/retry-policy.js';
import { finished } from '../run/run-ending.js';
import { afterFailure, type Verdict } from '../run/verdict.js';
import type { WorkLease } from './lease.js';
import { WorkOffers } from './work-offers.js';
import { RemoteWorkers } from './remote-workers.js';
import { WorkClaims } from './work-claims.js';
import { WorkStore } from './work.store.js';

/** The lease is over: somebody else has the operation, or it has ended. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  readonly code = 'lease-lost';

  constructor() {
    super(
      'this lease is over: the operation has ended, waits again, or another worker has it; drop its work',
    );
  }
}

/** There is no such lease in the account. */
export class LeaseNotFoundError extends Error {
  override readonly name = 'LeaseNotFoundError';
  readonly code = 'lease-not-found';

  constructor() {
    super('there is no such lease: use it as the claim gave it, with a key of the same account');
  }
}

/** What a remote worker does with a lease. */
export type WorkAction =
  | {
      readonly action: 'renew';
      readonly progress: number | null;
      readonly text: string | null;
      readonly log: readonly string[];
    }
  | {
      readonly action: 'complete';
      readonly result: unknown;
      readonly custom: unknown;
      readonly file: string | null;
      readonly text: string | null;
    }
  | { readonly action: 'fail'; readonly code: string; readonly message: string; readonly retry: boolean }
  | { readonly action: 'release' };

/** What became of it: a renewed lease, or where the operation stands now. */
export type WorkOutcome =
  | { readonly kind: 'renewed'; readonly canceling: boolean }
  | {
      readonly kind: 'settled';
      readonly rid: string;
      readonly state: OperationState;
      /** Seconds until it is tried again; null where it isn't, or at once. */
      readonly retryInS: number | null;
    };

/** What a worker has done with each of its leases; a refusal is an error of it alone. */
export type WorkResult = WorkOutcome | Error;

/** What a worker's word makes of its run. */
type Decision = Extract<Verdict, { kind: 'end' | 'release' }>;

const GIVEN_BACK: Decision = {
  kind: 'release',
  delayS: 0,
  counts: false,
  text: 'The worker gave it back; waiting for another',
  stack: null,
};

/** What remote workers do with operations they have claimed. Leases, fences, tries and ends are those of all operations. */
@Injectable()
export class WorkService {
  constructor(
    private readonly store: WorkStore,
    private readonly claims: WorkClaims,
    private readonly operations: OperationStore,
    private readonly history: HistoryStore,
    private readonly types: OperationTypes,
    private readonly ender: OperationEnder,
    private readonly waits: OperationWaits,
    private readonly offers: WorkOffers,
    private readonly workers: RemoteWorkers,
  ) {}

  /** Does all of it together, so that it shares statements and commits; answers each in order. `account`: whose leases; null: anybody's. */
  async act(
    given: readonly { readonly lease: WorkLease | null; readonly does: WorkAction }[],
    account: string | null,
  ): Promise<WorkResult[]> {
    const leases = (renewing: boolean): WorkLease[] =>
      given.flatMap(({ lease, does }) => (lease && (does.action === 'renew') === renewing ? [lease] : []));
    const [renewed, held] = await Promise.all([
      this.renew(given, leases(true), account),
      this.store.held(leases(false)),
    ]);
    return Promise.all(
      given.map(async ({ lease, does }): Promise<WorkResult> => {
        if (!lease) return new LeaseNotFoundError();
        if (does.action === 'renew') return renewed.get(lease.leaseToken) ?? new LeaseLostError();
        const claim = held.get(lease.requestId);
        if (claim?.leaseToken !== lease.leaseToken) return new LeaseLostError();
        if (account !== null && claim.operation.accountId !== account) return new LeaseNotFoundError();
        try {
          return (await this.settle(claim, await this.verdict(claim, does))) ?? new LeaseLostError();
        } catch (error) {
          return error as Error;
        }
      }),
    );
  }

  /** Records what was told, and keeps the leases that stand; answers by their tokens. */
  private async renew(
    given: readonly { readonly lease: WorkLease | null; readonly does: WorkAction }[],
    leases: readonly WorkLease[],
    account: string | null,
  ): Promise<Map<string, WorkOutcome>> {
    const renewed = await this.store.renew(leases, account);
    this.workers.live([...renewed.values()].map(({ worker }) => worker));
    await Promise.all(
      given.map(async ({ lease, does }) => {
        if (!lease || does.action !== 'renew' || !renewed.has(lease.leaseToken)) return;
        const report = reportOf(lease, does);
        if (report === null) return;
        await this.history.record(report);
        this.waits.grew(lease.requestId);
      }),
    );
    return new Map([...renewed].map(([token, { canceling }]) => [token, { kind: 'renewed', canceling }]));
  }

  private async verdict(claim: Claim, does: Exclude<WorkAction, { action: 'renew' }>): Promise<Decision> {
    const { operation } = claim;
    if (does.action === 'complete') return { kind: 'end', how: await this.finish(claim, does) };
    // Who was asked to stop, and did.
    if (operation.cancelAt !== null) return { kind: 'end', how: CANCELED };
    if (does.action === 'release') return GIVEN_BACK;
    const type = await this.types.find(operation.type);
    return afterFailure(type?.retry ?? retryPolicy({}), operation, { ...does, fileId: null });
  }

  private async finish(
    { operation }: Claim,
    { result, custom, file, text }: Extract<WorkAction, { action: 'complete' }>,
  ): Promise<How> {
    if (file !== null && !(await this.store.adoptFile(operation.accountId, file, operation.requestId)))
      throw new OperationRefusedError('invalid-request', [
        { path: 'file', message: `there is no file ${file} in the operation's account` },
      ]);
    try {
      return finished({
        result,
        custom,
        ...(file === null ? {} : { file }),
        ...(text === null ? {} : { statusText: text }),
      });
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      const message = 'result and custom are over 1 MiB: upload a file, and name it as file';
      throw new OperationRefusedError('result-too-large', [{ path: 'result', message }]);
    }
  }

  /** Null where the lease was lost. */
  private async settle(claim: Claim, verdict: Decision): Promise<WorkOutcome | null> {
    const { operation, leaseToken } = claim;
    const { rid, requestId, type } = operation;
    if (verdict.kind === 'end') {
      const ended = await this.ender.end(claim, verdict.how, claim.claimedAt);
      return ended && { kind: 'settled', rid, state: ended.state, retryInS: null };
    }
    if (!(await this.operations.release({ ...verdict, requestId, leaseToken }))) return null;
    this.waits.grew(requestId);
    this.claims.slotFreed();
    if (verdict.delayS === 0) this.offers.told(type);
    return { kind: 'settled', rid, state: 'Waiting', retryInS: verdict.delayS === 0 ? null : verdict.delayS };
  }
}

/** Null where nothing was told. */
function reportOf(
  { requestId, leaseToken }: WorkLease,
  { progress, text, log }: Extract<WorkAction, { action: 'renew' }>,
): Report | null {
  const line = text === null ? null : storable(text);
  const told = progress === null && line === null ? null : { percent: progress, text: line };
  if (told === null && log.length === 0) return null;
  const lines = log.map((one) => ({ kind: 'log' as const, progress: null, text: storable(one) }));
  const entries = told === null ? lines : [{ kind: 'progress' as const, progress, text: line }, ...lines];
  return { requestId, leaseToken, progress: told, entries };
}
