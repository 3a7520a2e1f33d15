import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { GroupCommit } from '../../database/group-commit.js';
import { jsonRows } from '../../database/json-rows.js';
import { CallbackHosts } from '../../egress/callback-hosts.js';
import type { TakenPoll } from './poll.store.js';
import { originOf } from './polling-handler.js';

/** Origins this process remembers to be proven; one that it forgot costs a statement. */
const MAX_REMEMBERED = 10_000;
/** Whoever gets no place comes again no later than that, seconds: its next poll may be an hour away. */
const SOON_S = 5;

interface Wanted {
  readonly origin: string;
  readonly poll: TakenPoll;
}

/**
 * Origins of jobs that aren't the first request's. They are asked as gently as those of first requests and of callbacks: an account
 * brings up so many new hosts a minute, and one that has never answered 2xx is asked once at a time and 60 times a minute, over all
 * processes. One that is known costs no statement.
 */
@Injectable()
export class StrangerOrigins {
  private readonly proven = new Set<string>();
  private readonly places = new GroupCommit((wanted: Wanted[]) => this.takeMany(wanted));
  private readonly answers = new GroupCommit((origins: string[]) => this.proveMany(origins));

  constructor(
    private readonly hosts: CallbackHosts,
    private readonly database: Database,
  ) {}

  /**
   * Asks for a poll that wants to call this URL; null: it may. Else the answer is in how many seconds to try again, where it comes
   * each `everyS`. A place that it gets goes with its lease.
   */
  async admit(poll: TakenPoll, url: string, everyS: number): Promise<number | null> {
    const retryAfterS = await this.hosts.admit(poll.accountId, url);
    if (retryAfterS !== null) return retryAfterS;
    const origin = originOf(url);
    if (this.proven.has(origin)) return null;
    return (await this.places.add({ origin, poll })) ? null : Math.min(everyS, SOON_S);
  }

  /** The origin has answered 2xx: it is trusted with more from now on. */
  async prove(url: string): Promise<void> {
    const origin = originOf(url);
    if (!this.proven.has(origin)) await this.answers.add(origin);
  }

  private async takeMany(wanted: Wanted[]): Promise<boolean[]> {
    const rows = await this.database.query<{ request_id: string; proven: boolean }>(
      'SELECT * FROM take_poll_places($1)',
      [
        jsonRows(
          wanted.map(({ origin, poll }) => ({ origin, request_id: poll.requestId, token: poll.token })),
        ),
      ],
    );
    const proven = new Map(rows.map((row) => [row.request_id, row.proven]));
    return wanted.map(({ origin, poll }) => {
      if (proven.get(poll.requestId) === true) this.remember(origin);
      return proven.has(poll.requestId);
    });
  }

  private async proveMany(origins: string[]): Promise<void[]> {
    await this.database.query(
      `INSERT INTO origin AS o (name, proven_at)
       SELECT DISTINCT n.name, now() FROM unnest($1::text[]) AS n (name)
       WHERE NOT EXISTS (SELECT FROM origin k WHERE k.name = n.name AND k.proven_at IS NOT NULL)
       ORDER BY n.name
       ON CONFLICT (name) DO UPDATE SET proven_at = coalesce(o.proven_at, now())`,
      [origins],
    );
    return origins.map((origin) => this.remember(origin));
  }

  private remember(origin: string): void {
    if (this.proven.size >= MAX_REMEMBERED) this.proven.clear();
    this.proven.add(origin);
  }
}
