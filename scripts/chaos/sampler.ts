import { setTimeout as pause } from 'node:timers/promises';
import type { FlowFact, SlotsFact } from './facts.js';
import { FLOW_PARALLELISM } from './load-plan.js';
import type { Stage } from './stage.js';

const EVERY_MS = 200;

/** Looks again and again how many operations of each account are Executing. */
export class Sampler {
  private readonly most = new Map<string, number>();
  private over = false;

  constructor(private readonly stage: Stage) {}

  async run(): Promise<void> {
    while (!this.over) {
      await this.sample().catch(() => undefined);
      await pause(EVERY_MS);
    }
  }

  end(): void {
    this.over = true;
  }

  facts(): SlotsFact[] {
    return this.stage.accounts.map(({ id, slots }) => ({
      account: id,
      slots,
      most: this.most.get(id) ?? 0,
      seenBy: 'samples',
    }));
  }

  private async sample(): Promise<void> {
    const rows = await this.stage.postgres.rows<{ account: string; executing: number }>(
      `SELECT account_id AS account, count(*)::integer AS executing FROM live_operation
       WHERE phase = 'awaiting' OR phase = 'placed' AND lease_token IS NOT NULL GROUP BY 1`,
    );
    for (const { account, executing } of rows)
      this.most.set(account, Math.max(this.most.get(account) ?? 0, executing));
  }
}

/** The most at once, from the history: entries are numbered before their transition commits, and what follows from it comes later. */
export async function mostInHistory({ postgres, accounts }: Stage): Promise<SlotsFact[]> {
  const rows = await postgres.rows<{ account: string; most: number }>(
    `WITH step AS (
       SELECT o.account_id, h.id, (h.state = 'Executing')::integer
         - coalesce((lag(h.state) OVER (PARTITION BY h.operation_id ORDER BY h.id) = 'Executing')::integer, 0) AS step
       FROM history_view h JOIN operation o ON o.request_id = h.operation_id WHERE h.kind = 'transition'
     ), running AS (SELECT account_id, sum(step) OVER (PARTITION BY account_id ORDER BY id) AS count FROM step)
     SELECT account_id AS account, max(count)::integer AS most FROM running GROUP BY 1`,
  );
  const most = new Map(rows.map((row) => [row.account, row.most]));
  return accounts.map(({ id, slots }) => ({
    account: id,
    slots,
    most: most.get(id) ?? 0,
    seenBy: 'history',
  }));
}

/** The same of each flow key. */
export async function mostOfFlows({ postgres }: Stage): Promise<FlowFact[]> {
  const rows = await postgres.rows<Omit<FlowFact, 'parallelism'>>(
    `WITH step AS (
       SELECT o.account_id, o.flow::json ->> 'key' AS key, h.id, (h.state = 'Executing')::integer
         - coalesce((lag(h.state) OVER (PARTITION BY h.operation_id ORDER BY h.id) = 'Executing')::integer, 0) AS step
       FROM history_view h JOIN operation o ON o.request_id = h.operation_id WHERE h.kind = 'transition' AND o.flow IS NOT NULL
     ), running AS (SELECT account_id, key, sum(step) OVER (PARTITION BY account_id, key ORDER BY id) AS count FROM step)
     SELECT account_id AS account, key, max(count)::integer AS most FROM running GROUP BY 1, 2`,
  );
  return rows.map((row) => ({ ...row, parallelism: FLOW_PARALLELISM }));
}
