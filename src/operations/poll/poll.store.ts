import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { GroupCommit } from '../../database/group-commit.js';
import { jsonRows } from '../../database/json-rows.js';
import { Rows } from '../../database/rows.js';
import { type Claim, claimOf, type ClaimRow, LIVE_COLUMNS } from '../run/claim.js';
import type { OperationState } from '../operation.state.js';

/** A poll that is due, leased to this process. */
export interface TakenPoll {
  readonly requestId: string;
  readonly accountId: string;
  readonly rid: string;
  readonly type: string;
  readonly token: string;
  readonly failures: number;
  readonly refusals: number;
  /** Sealed. */
  readonly target: string;
  /** How the operation stands; false: somebody ends or runs it now; null: it has ended, or is gone. */
  readonly waits: boolean | null;
  readonly progress: number;
  readonly statusText: string | null;
  /** How it has ended; null where it hasn't, or is gone. */
  readonly ended: OperationState | null;
}

/** When a job is polled next. */
export interface NextPoll {
  readonly poll: TakenPoll;
  readonly afterS: number;
  readonly failures: number;
  readonly refusals: number;
}

/** How far a job is. */
export interface PollNews {
  readonly requestId: string;
  readonly progress: number;
  readonly text: string;
  /** The kind of entry that the history gets of it; null: what is shown changes, and no more. */
  readonly news: 'progress' | 'log' | null;
}

/** Whether a poll is due. Those that are under way are in front of it in the index, and few. */
export const DUE_POLLS = `EXISTS (SELECT FROM live_poll WHERE due_at <= now() AND (lease_until IS NULL OR lease_until <= now()) LIMIT 1)`;

interface TakenRow {
  readonly request_id: string;
  readonly account_id: string;
  readonly rid: string;
  readonly type: string;
  readonly failures: number;
  readonly refusals: number;
  readonly target: string;
  readonly progress: number | null;
  readonly status_text: string | null;
  readonly waits: boolean | null;
  readonly ended: OperationState | null;
}

/** Every statement on jobs that are polled, each for many. */
@Injectable()
export class PollStore {
  private readonly leases = new GroupCommit((polls: TakenPoll[]) => this.leaseMany(polls));
  private readonly collections = new GroupCommit((items: Collected[]) => this.collectMany(items));
  private readonly drops = new GroupCommit((polls: TakenPoll[]) => this.dropMany(polls));

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly config: OperationConfig,
  ) {}

  /** Leases polls that are due to this process, which nobody else polls meanwhile. */
  async take(most: number): Promise<TakenPoll[]> {
    const token = randomUUID();
    const rows = await this.database.query<TakenRow>(
      'SELECT * FROM take_polls($1, $2, make_interval(secs => $3))',
      [most, token, this.config.leaseS],
    );
    return rows.map((row) => ({
      requestId: row.request_id,
      accountId: row.account_id,
      rid: row.rid,
      type: row.type,
      token,
      failures: row.failures,
      refusals: row.refusals,
      target: row.target,
      waits: row.waits,
      progress: row.progress ?? 0,
      statusText: row.status_text,
      ended: row.ended,
    }));
  }

  /** Puts down when these are polled next. */
  async record(items: readonly NextPoll[]): Promise<void> {
    await this.database.query('SELECT record_polls($1)', [
      jsonRows(
        items
          .toSorted((one, other) => byId(one.poll, other.poll))
          .map(({ poll, afterS, failures, refusals }) => ({
            ...fence(poll),
            after_s: afterS,
            failures,
            refusals,
          })),
      ),
    ]);
  }

  /** Shows how far these jobs are. */
  async tell(items: readonly PollNews[]): Promise<void> {
    await this.database.query('SELECT tell_polls($1)', [
      jsonRows(
        items.toSorted(byId).map(({ requestId, progress, text, news }) => ({
          request_id: requestId,
          progress,
          text,
          news,
        })),
      ),
    ]);
  }

  /** What a run is to fetch, or waits for; null where nothing is known of it. */
  async targetOf(requestId: string): Promise<string | null> {
    const [row] = await this.database.query<{ target: string }>(
      'SELECT target FROM live_poll WHERE request_id = $1',
      [requestId],
    );
    return row?.target ?? null;
  }

  /** Has a run fetch the job's result, as the sealed target says, and looks after it later; false when nobody waits for it any more. */
  collect(poll: TakenPoll, target: string, afterS: number): Promise<boolean> {
    return this.collections.add({ poll, target, afterS });
  }

  /** Leases the operation itself to this process, to be ended; null when it no longer waits. */
  lease(poll: TakenPoll): Promise<Claim | null> {
    return this.leases.add(poll);
  }

  /** Forgets a job: its operation has ended. */
  drop(poll: TakenPoll): Promise<void> {
    return this.drops.add(poll);
  }

  private async collectMany(items: Collected[]): Promise<boolean[]> {
    const rows = await this.database.query<{ request_id: string }>(
      'SELECT request_id FROM collect_polls($1) AS request_id',
      [
        jsonRows(
          items
            .toSorted((one, other) => byId(one.poll, other.poll))
            .map(({ poll, target, afterS }) => ({ ...fence(poll), target, after_s: afterS })),
        ),
      ],
    );
    const collected = new Set(rows.map(({ request_id }) => request_id));
    return items.map(({ poll }) => collected.has(poll.requestId));
  }

  private async leaseMany(polls: TakenPoll[]): Promise<(Claim | null)[]> {
    const askedAt = performance.now();
    const rows = await this.database.query<ClaimRow & { request_id: string }>(
      `SELECT ${LIVE_COLUMNS}, clock_timestamp() AS claimed_at FROM lease_polled($1, make_interval(secs => $2))`,
      [jsonRows(polls.map(fence)), this.config.leaseS],
    );
    const leased = new Map(rows.map((row) => [row.request_id, row]));
    return polls.map(({ requestId }) => {
      const row = leased.get(requestId);
      return row ? claimOf(this.rows, row, askedAt) : null;
    });
  }

  private async dropMany(polls: TakenPoll[]): Promise<void[]> {
    await this.database.query(
      `DELETE FROM live_poll p USING unnest($1::bigint[], $2::uuid[]) AS d (request_id, token)
       WHERE p.request_id = d.request_id AND p.lease_token = d.token`,
      [polls.map(({ requestId }) => requestId), polls.map(({ token }) => token)],
    );
    return polls.map(() => undefined);
  }
}

interface Collected {
  readonly poll: TakenPoll;
  readonly target: string;
  readonly afterS: number;
}

function fence({ requestId, token }: TakenPoll): { request_id: string; token: string } {
  return { request_id: requestId, token };
}

/** Statements that take many rows take them in one order: none waits for another in a circle. */
function byId(one: { requestId: string }, other: { requestId: string }): number {
  return Number(BigInt(one.requestId) - BigInt(other.requestId));
}
