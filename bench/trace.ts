import pLimit from 'p-limit';
import { read } from './api.js';
import { median } from './figures.js';
import type { Submitted } from './messages.js';
import type { ServiceProcess } from './service.js';

/** Operations that are looked at, of a load; reading them costs the service time. */
const MOST = 400;
const AT_ONCE = 4;

/** When an operation came where, wall clock; the API's times have whole milliseconds. */
export interface Way {
  /** When it was to be sent. */
  readonly due: number;
  readonly sent: number;
  readonly answered: number;
  readonly accepted: number;
  readonly started: number;
  readonly ended: number;
  readonly attempted: number;
  readonly received: number;
}

/** Where an operation waits, in order; the answer is given beside the rest. */
export const HOPS = {
  sent: { label: 'submit due → sent', from: 'due', to: 'sent' },
  answered: { label: 'submit sent → answered', from: 'sent', to: 'answered' },
  accepted: { label: 'submit sent → accepted', from: 'sent', to: 'accepted' },
  started: { label: 'accepted → started', from: 'accepted', to: 'started' },
  ended: { label: 'started → ended', from: 'started', to: 'ended' },
  attempted: { label: 'ended → first attempt started', from: 'ended', to: 'attempted' },
  received: { label: 'first attempt started → callback received', from: 'attempted', to: 'received' },
} as const satisfies Record<string, { label: string; from: keyof Way; to: keyof Way }>;

/** A hop's name. */
export type HopName = keyof typeof HOPS;

/** Medians over all operations, milliseconds: each hop, and from the submit's time to the hop's end. */
export type Trace = Readonly<Record<HopName, { readonly took: number; readonly since: number }>>;

/** How long the hops took. */
export function traceOf(ways: readonly Way[]): Trace {
  const hops = Object.entries(HOPS).map(([name, { from, to }]) => [
    name,
    {
      took: median(ways.map((way) => way[to] - way[from])),
      since: median(ways.map((way) => way[to] - way.due)),
    },
  ]);
  return Object.fromEntries(hops) as Trace;
}

/** At most so many items, spread evenly over the list. */
export function sample<Item>(items: readonly Item[], most: number): Item[] {
  const step = Math.max(1, items.length / most);
  return Array.from({ length: Math.min(items.length, most) }, (_, place) => items[Math.floor(place * step)]!);
}

/** Asks the API when each operation, or a sample of many, came where. */
export async function waysOf(
  service: ServiceProcess,
  submitted: readonly Submitted[],
  received: ReadonlyMap<string, number>,
): Promise<Way[]> {
  const limit = pLimit(AT_ONCE);
  return limit.map(sample(submitted, MOST), ({ rid, intendedAt, sentAt, answeredAt }) =>
    timesOf(service, rid).then((times) => ({
      ...times,
      due: intendedAt,
      sent: sentAt,
      answered: answeredAt,
      received: received.get(rid)!,
    })),
  );
}

type Times = Pick<Way, 'accepted' | 'started' | 'ended' | 'attempted'>;

async function timesOf(service: ServiceProcess, rid: string): Promise<Times> {
  const path = `/v1/operations/${rid}`;
  const operation = await read<Record<'created_at' | 'started_at' | 'finished_at', string>>(service, path);
  const { data } = await read<{ data: { id: string }[] }>(service, `${path}/deliveries`);
  const { attempts } = await read<{ attempts: { started_at: string }[] }>(
    service,
    `/v1/deliveries/${data[0]!.id}`,
  );
  return {
    accepted: Date.parse(operation.created_at),
    started: Date.parse(operation.started_at),
    ended: Date.parse(operation.finished_at),
    attempted: Date.parse(attempts[0]!.started_at),
  };
}
