import { type Check, counted, type Finding, green, red, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';
import { proxyFault } from './proxy.js';
import { WayOut } from './way-out.js';

/** Destinations that are tried. */
const MOST = 10;

interface Destination {
  readonly origin: string;
  /** Callbacks that wait for it, and how the last attempt of one of them failed. */
  readonly waiting: number;
  readonly error: string | null;
}

/** Whether callbacks find their way out, from this machine: each destination is connected to, and told nothing. */
export const callbacks: Check<WithDatabase> = {
  name: 'callbacks',
  run: async ({ database, config: { egress }, hasTables }) => {
    const [destinations, held, fault] = await Promise.all([
      hasTables ? database.query<Destination>(DESTINATIONS, [MOST]) : [],
      hasTables ? database.query<Held>(HELD) : [],
      proxyFault(egress),
    ]);
    const found = held.flatMap(heldInWords);
    // Told by the check of the proxy, once for all of them.
    if (fault !== null) return found;
    const wayOut = new WayOut(egress);
    const faults = await Promise.all(destinations.map(({ origin }) => wayOut.fault(origin)));
    // One receiver that is down is its owner's matter; where none is reached, it is ours.
    const judge = faults.includes(null) ? yellow : red;
    for (const [at, destination] of destinations.entries())
      found.push(...inWords(destination, faults[at]!, judge));
    if (found.length > 0) return found;
    return [
      green(
        destinations.length === 0
          ? 'none waits'
          : `${counted(destinations.length, 'destination')} can be connected to`,
      ),
    ];
  },
};

function inWords(
  { origin, waiting, error }: Destination,
  fault: string | null,
  judge: (text: string) => Finding,
): Finding[] {
  const whose =
    waiting === 0 ? `of ${origin}` : `${counted(waiting, 'callback waits', 'callbacks wait')} for ${origin}`;
  if (fault !== null) return [judge(`${whose}: ${fault}`)];
  if (error === null) return [];
  return [
    yellow(
      `${whose}, which can be connected to; the last attempt failed by ${error}: "ringback deliveries --origin ${origin}" lists them, and they go by their schedule, or by "ringback redeliver"`,
    ),
  ];
}

interface Held {
  readonly endpoints: number;
  readonly callbacks: number;
}

function heldInWords({ endpoints, callbacks: count }: Held): Finding[] {
  if (count === 0) return [];
  return [
    yellow(
      `${counted(count, 'callback is', 'callbacks are')} held by ${counted(endpoints, 'disabled endpoint')}: enable ${endpoints === 1 ? 'it' : 'them'} once the receiver is well ("ringback endpoints enable ID"), and nothing is lost`,
    ),
  ];
}

const HELD = `
  SELECT count(DISTINCT endpoint_id)::integer AS endpoints, count(*)::integer AS callbacks FROM live_delivery WHERE phase = 'paused'`;

/** Those for which most callbacks wait, and endpoints. One that is pulled has no address. */
const DESTINATIONS = `
  WITH waiting AS (
    SELECT origin, count(*)::integer AS waiting FROM live_delivery WHERE phase <> 'paused' AND origin <> '' GROUP BY origin ORDER BY 2 DESC LIMIT $1
  ), known AS (
    SELECT * FROM waiting
    UNION ALL SELECT DISTINCT e.origin, 0 FROM endpoint e WHERE e.disabled_at IS NULL AND e.origin <> '' AND e.origin NOT IN (SELECT origin FROM waiting)
    LIMIT $1
  )
  SELECT k.origin, k.waiting, (
    SELECT error_class(a.outcome, a.http_status, a.error)
    FROM live_delivery l JOIN attempt a ON a.home = l.home AND a.delivery_seq = l.seq AND a.number = l.attempt_count
    WHERE l.origin = k.origin AND l.attempt_count > 0 AND l.lease_token IS NULL ORDER BY l.seq DESC LIMIT 1) AS error
  FROM known k`;
