import { readFile } from 'node:fs/promises';
import type { DeliveryFact, LedgerFact, OperationFact, RunFact, ScheduleFact } from './facts.js';
import type { LoadItem } from './load-plan.js';
import { openDestination } from '../../src/signing/sealed-destination.js';
import { SecretBox } from '../../src/signing/secret-box.js';
import { SECRET_KEY, type Stage } from './stage.js';

/** Rows that somebody still has to do something about. */
export async function countLive({ postgres }: Stage): Promise<number> {
  const [row] = await postgres.rows<{ live: number }>(
    'SELECT ((SELECT count(*) FROM live_operation) + (SELECT count(*) FROM live_delivery) + (SELECT count(*) FROM schedule WHERE due_at IS NOT NULL))::integer AS live',
  );
  return row!.live;
}

/** Every operation that there is, whether or not its submit was answered. */
export async function operationFacts(stage: Stage, items: readonly LoadItem[]): Promise<OperationFact[]> {
  const rows = await stage.postgres.rows<{
    rid: string;
    account: string;
    state: string;
    error: string | null;
    attempt: number;
    tries: number;
    url: string | null;
    sealed: string | null;
    ends: number;
    ended: number | null;
    live: boolean;
  }>(
    `SELECT o.rid, o.account_id AS account, o.state, o.error_code AS error, o.attempt, o.tries, o.callback_url AS url, o.callback_headers AS sealed,
       h.ends, h.ended, o.due_at IS NOT NULL AS live
     FROM operation_view o CROSS JOIN LATERAL (
       SELECT count(*)::integer AS ends, (extract(epoch FROM max(created_at)) * 1000)::float8 AS ended FROM history_view h
       WHERE h.operation_id = o.request_id AND kind = 'transition' AND state IN ('Finished', 'Failed', 'Canceled')
     ) h ORDER BY o.request_id`,
  );
  const box = new SecretBox([SECRET_KEY]);
  const endpoints = new Map(stage.accounts.map(({ id, endpoint }) => [id, endpoint]));
  return rows.map(({ rid, account, state, error, attempt, tries, url, sealed, ends, ended, live }) => {
    const place = { account, row: rid, column: 'callback_headers' } as const;
    const item = url === null ? null : itemOf(openDestination(box, { url, sealed }, place).url);
    const endpoint = endpoints.get(account) ?? null;
    return {
      id: rid,
      item,
      kind: item === null ? null : (items[item]?.kind ?? null),
      state,
      errorCode: error,
      attempt,
      tries,
      destinations: [...(url === null ? [] : ['callback']), ...(endpoint === null ? [] : [endpoint])],
      ends,
      // The row's word on whether it has ended, the history's on when.
      endedAt: live ? null : (ended ?? 0),
    };
  });
}

/** Every schedule that there is or was acknowledged, and what it has submitted. */
export function scheduleFacts({ postgres }: Stage, acknowledged: readonly string[]): Promise<ScheduleFact[]> {
  return postgres.rows<ScheduleFact>(
    `SELECT id, a.id IS NOT NULL AS acknowledged, s.id IS NOT NULL AS kept,
       (SELECT count(*)::integer FROM operation o WHERE o.schedule_id = id) AS operations
     FROM schedule s FULL JOIN unnest($1::text[]) AS a (id) USING (id) ORDER BY id`,
    [acknowledged],
  );
}

export function deliveryFacts({ postgres }: Stage): Promise<DeliveryFact[]> {
  return postgres.rows<DeliveryFact>(
    `SELECT id, operation_rid AS operation, destination, state, reason, attempt_count AS attempts,
       encode(sha256(convert_to(body, 'UTF8')), 'hex') AS digest
     FROM delivery_view ORDER BY seq`,
  );
}

/** From what the handlers of all processes noted. */
export async function runFacts({ notes }: Stage): Promise<RunFact[]> {
  const text = await readFile(notes, 'utf8').catch(() => '');
  const runs: { -readonly [Key in keyof RunFact]: RunFact[Key] }[] = [];
  const running = new Map<string, (typeof runs)[number]>();
  for (const line of text.split('\n').filter(Boolean)) {
    const [what, pid, operation, attempt, how, at] = line.split(' ') as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const key = `${pid} ${operation} ${attempt}`;
    if (what === 'end') {
      const run = running.get(key);
      if (run) run.endedAt = Number(at);
      continue;
    }
    const run = {
      operation,
      attempt: Number(attempt),
      pid: Number(pid),
      once: how === 'once',
      startedAt: Number(at),
      endedAt: null,
    };
    running.set(key, run);
    runs.push(run);
  }
  return runs;
}

export async function ledgerFact(stage: Stage, rows: number): Promise<LedgerFact | null> {
  try {
    const { balanced, accepted } = await stage.admin<{ balanced: boolean; accepted: number }>(
      'GET',
      '/v1/ledger',
    );
    return { balanced, accepted, rows };
  } catch {
    return null;
  }
}

function itemOf(url: string): number | null {
  const named = new URL(url).searchParams.get('n');
  return named === null ? null : Number(named);
}
