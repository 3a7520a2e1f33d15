import { parentPort, workerData } from 'node:worker_threads';
import type pg from 'pg';
import type { Blocked, LeaseChange, LeaseThreadData } from './lease-keeper.js';
import { CONNECTION } from './postgres-client.js';

/** The thread of `LeaseKeeper`: watches the event loop's pulse, and renews what it holds while there is none. */
const { url, kinds, pulse, pulseMs } = workerData as LeaseThreadData;

/** As often as the event loop renews by itself: a third of the shortest lease. */
const RENEW_MS = 4 * pulseMs;
/** An event loop that is blocked for longer is warned of. */
const WORTH_A_WARNING_MS = RENEW_MS;

interface Lease {
  readonly kind: number;
  readonly id: string;
  readonly name: string | undefined;
  readonly until: number;
}

const held = new Map<string, Lease>();
let seen = 0;
let seenAt = performance.now();
let lookedAt = seenAt;
let block: { since: number; names: string[]; renewedAt: number; fault?: string } | undefined;
let renewing = false;

parentPort!.on('message', (changes: readonly LeaseChange[]) => {
  const now = performance.now();
  for (const change of changes) {
    if (!('id' in change)) held.delete(change.token);
    else {
      const { kind, id, name, forS } = change;
      held.set(change.token, { kind, id, name, until: now + forS * 1000 });
    }
  }
});

setInterval(() => {
  const now = performance.now();
  const beat = Atomics.load(pulse, 0);
  // This thread missed its own turns too: the process was frozen, and others may have taken over.
  const frozen = now - lookedAt > 3 * pulseMs;
  lookedAt = now;
  if (beat !== seen || frozen) {
    tellOf(now);
    seen = beat;
    seenAt = now;
    block = undefined;
  } else if (now - seenAt > 2 * pulseMs) {
    block ??= { since: seenAt, names: namesOfHeld(), renewedAt: -Infinity };
    if (!renewing && now - block.renewedAt >= RENEW_MS) void renew(block);
  }
}, pulseMs);

function tellOf(now: number): void {
  if (!block || now - block.since < WORTH_A_WARNING_MS) return;
  const blocked: Blocked = { ms: now - block.since, names: block.names, fault: block.fault };
  parentPort!.postMessage(blocked);
}

function namesOfHeld(): string[] {
  return [...new Set([...held.values()].flatMap(({ name }) => name ?? []))];
}

/** Over a connection of its own that is made for it: it is rarely needed. */
async function renew(current: NonNullable<typeof block>): Promise<void> {
  const now = performance.now();
  const leases = [...held].filter(([, { until }]) => until > now);
  if (leases.length === 0) return;
  renewing = true;
  const client: pg.Client = new CONNECTION.Client({
    ...CONNECTION,
    connectionString: url,
    application_name: 'ringback-leases',
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  });
  // What happens to it is told by the statement that fails.
  client.on('error', () => undefined);
  try {
    await client.connect();
    for (const [index, { renew: sql, leaseS }] of kinds.entries()) {
      const ours = leases.filter(([, { kind }]) => kind === index);
      if (ours.length > 0)
        await client.query(sql, [ours.map(([, { id }]) => id), ours.map(([token]) => token), leaseS]);
    }
    current.renewedAt = now;
    delete current.fault;
  } catch (error) {
    // The next look tries again.
    current.fault = String(error);
  } finally {
    await client.end().catch(() => undefined);
    renewing = false;
  }
}
