import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { rideOut } from '../../database/ride-out.js';
import type { RunContext } from './operation-run.js';

/** How often a run that waits for a place asks again, at least and at most; only the first of a process and origin asks. */
const ASK_MS = 50;
const MAX_ASK_MS = 150;

/** A run, as far as its place needs to know. */
type Taker = Pick<RunContext, 'requestId' | 'leaseToken' | 'signal'>;

/**
 * Places at the origins that `http.request` calls, over all processes: as many as callbacks have at one, and one where it has
 * never answered 2xx. A place is a lease's: whatever ends that, a crash too, gives the place back.
 */
@Injectable()
export class OriginCalls {
  /** The last one that waits here, by origin. */
  private readonly lines = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly config: DeliveryConfig,
  ) {}

  /** Resolves when the run has a place; fails when its signal fires before. */
  async take(origin: string, run: Taker): Promise<void> {
    const before = this.lines.get(origin) ?? Promise.resolve();
    const taken = before.then(() => this.ask(origin, run));
    const line = taken.catch(() => undefined);
    this.lines.set(origin, line);
    await taken.finally(() => {
      if (this.lines.get(origin) === line) this.lines.delete(origin);
    });
  }

  /** Whether the run has got a place within so many milliseconds; fails when its signal fires before. */
  async takeSoon(origin: string, { requestId, leaseToken, signal }: Taker, ms: number): Promise<boolean> {
    signal.throwIfAborted();
    const late = AbortSignal.timeout(ms);
    const either = AbortSignal.any([signal, late]);
    // Others that wait here may be more patient. What is taken too late goes with the lease.
    const taken = this.take(origin, { requestId, leaseToken, signal: either });
    const over = once(either, 'abort').then(() => Promise.reject(either.reason as Error));
    try {
      await Promise.race([taken, over]);
      return true;
    } catch (error) {
      if (signal.aborted || !late.aborted) throw error;
      return false;
    } finally {
      taken.catch(() => undefined);
      over.catch(() => undefined);
    }
  }

  /** Gives the place back; an origin that has `answered` 2xx is trusted with more from now on. */
  async giveBack(origin: string, run: Taker, answered: boolean): Promise<void> {
    await this.database.query(
      `WITH left_ AS (
         DELETE FROM origin_call WHERE request_id = $2 AND lease_token = $3
       )
       INSERT INTO origin AS o (name, proven_at) SELECT $1, now() WHERE $4
         AND NOT EXISTS (SELECT FROM origin WHERE name = $1 AND proven_at IS NOT NULL)
       ON CONFLICT (name) DO UPDATE SET proven_at = coalesce(o.proven_at, now())`,
      [origin, run.requestId, run.leaseToken, answered],
    );
  }

  private async ask(origin: string, run: Taker): Promise<void> {
    for (;;) {
      run.signal.throwIfAborted();
      const [row] = await rideOut(
        () =>
          this.database.query<{ taken: boolean }>('SELECT take_origin_place($1, $2, $3, $4) AS taken', [
            origin,
            run.requestId,
            run.leaseToken,
            this.config.originInFlight,
          ]),
        () => run.signal.aborted,
      );
      if (row!.taken) return;
      // Who gives a place back tells nobody: it may be another process, or one that died.
      await delay(ASK_MS + Math.random() * (MAX_ASK_MS - ASK_MS), undefined, { signal: run.signal });
    }
  }
}
