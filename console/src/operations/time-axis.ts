import type { HistoryEntryResponse } from '../api-types.js';
import type { DeliveryDetails, Operation } from '../rows.js';
import { attemptResult } from '../deliveries/judgement.js';

/** What happened to an operation and its callbacks, as rows on one axis of time; pure. */

export type Tone = 'waiting' | 'busy' | 'good' | 'bad' | 'ended';

/** A span, milliseconds since 1970. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly tone: Tone;
  readonly title: string;
}

/** An instant: an attempt that was made, or one that is planned. */
export interface Dot {
  readonly at: number;
  readonly tone: Tone;
  readonly planned: boolean;
  readonly title: string;
}

export interface AxisRow {
  readonly label: string;
  /** Of the delivery that the row is about. */
  readonly delivery: string | null;
  readonly bars: readonly Bar[];
  readonly dots: readonly Dot[];
}

export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly rows: readonly AxisRow[];
  readonly scale: Scale;
}

/** Where instants are, 0 to 1, and the ticks that say so. */
export interface Scale {
  readonly kind: 'linear' | 'logarithmic';
  readonly place: (at: number) => number;
  /** Milliseconds after the beginning. */
  readonly ticks: readonly number[];
}

export function axisOf(
  operation: Operation,
  history: readonly HistoryEntryResponse[],
  deliveries: readonly DeliveryDetails[],
  now: number,
): Axis {
  const from = Date.parse(operation.created_at);
  const rows = [operationRow(operation, history, now), ...deliveries.map((each) => deliveryRow(each))];
  const instants = rows.flatMap(({ bars, dots }) => [
    ...bars.flatMap((bar) => [bar.from, bar.to]),
    ...dots.map(({ at }) => at),
  ]);
  const to = Math.max(from + 1, ...instants);
  return { from, to, rows, scale: scaleOf(from, to, instants) };
}

const TONES = {
  Waiting: 'waiting',
  Executing: 'busy',
  Finished: 'good',
  Failed: 'bad',
  Canceled: 'ended',
} as const;

/** From each transition to the next one; the last try has the colour of the end. */
function operationRow(operation: Operation, history: readonly HistoryEntryResponse[], now: number): AxisRow {
  const moves = history.filter(({ kind, status }) => kind === 'transition' && status !== null);
  let tries = 0;
  const bars = moves.flatMap((move, at): Bar[] => {
    const status = move.status!;
    if (status !== 'Waiting' && status !== 'Executing') return [];
    if (status === 'Executing') tries++;
    const next = moves[at + 1];
    const from = Date.parse(move.created_at);
    const to = next ? Date.parse(next.created_at) : Math.max(now, from);
    const after = next?.status;
    const tone =
      status === 'Executing' && after ? (after === 'Waiting' ? 'bad' : TONES[after]) : TONES[status];
    const what = status === 'Waiting' ? 'Waited for a slot' : `Try ${tries}`;
    return [{ from, to, tone, title: next ? `${what}, until ${after}: ${next.text}` : `${what}, still` }];
  });
  return { label: operation.type, delivery: null, bars, dots: [] };
}

const ATTEMPT_TONES = { started: 'busy', delivered: 'good', failed: 'bad', unknown: 'waiting' } as const;

function deliveryRow(delivery: DeliveryDetails): AxisRow {
  const made = delivery.attempts.map((attempt): Dot => ({
    at: Date.parse(attempt.started_at),
    tone: ATTEMPT_TONES[attempt.outcome],
    planned: false,
    title: `Attempt ${attempt.number}: ${attemptResult(attempt)}`,
  }));
  const next = delivery.status === 'Pending' ? delivery.next_attempt_at : null;
  const planned: Dot[] =
    next === null
      ? []
      : [
          {
            at: Date.parse(next),
            tone: 'waiting',
            planned: true,
            title: `Attempt ${made.length + 1}, planned`,
          },
        ];
  const dots = [...made, ...planned];
  const bars: Bar[] =
    dots.length < 2
      ? []
      : [
          {
            from: dots[0]!.at,
            to: dots.at(-1)!.at,
            tone: 'ended',
            title: 'From its first attempt to its last',
          },
        ];
  return { label: delivery.event, delivery: delivery.id, bars, dots };
}

/** More of the axis than this for the rest, and what is short is seen no longer: then it grows by decades. */
const LINEAR_RATIO = 80;
const LINEAR_TICKS = 6;
const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;
const NICE = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  S,
  2 * S,
  5 * S,
  10 * S,
  30 * S,
  MIN,
  2 * MIN,
  5 * MIN,
  10 * MIN,
  30 * MIN,
  H,
  2 * H,
  6 * H,
  12 * H,
  D,
  2 * D,
  5 * D,
  10 * D,
  30 * D,
  100 * D,
];
const DECADES = [1, 10, 100, S, 10 * S, MIN, 10 * MIN, H, 6 * H, D, 3 * D, 10 * D, 30 * D, 100 * D];
/** Ticks that are closer have no room for their words. */
const ROOM = 0.085;

function scaleOf(from: number, to: number, instants: readonly number[]): Scale {
  const total = to - from;
  const gaps = [...new Set(instants)]
    .sort((a, b) => a - b)
    .flatMap((at, i, all) => (i === 0 ? [] : [at - all[i - 1]!]));
  const shortest = Math.max(1, Math.min(total, ...gaps.filter((gap) => gap >= 1)));
  if (total / shortest <= LINEAR_RATIO) {
    const step = NICE.find((size) => total / size <= LINEAR_TICKS) ?? 100 * D;
    const ticks = Array.from({ length: Math.floor(total / step) + 1 }, (_, i) => i * step);
    return {
      kind: 'linear',
      place: (at) => clamp((at - from) / total),
      ticks: roomy(ticks, (t) => t / total),
    };
  }
  const unit = Math.max(1, Math.min(shortest, total / 1_000));
  const place = (ms: number): number => Math.log1p(ms / unit) / Math.log1p(total / unit);
  const ticks = [0, ...DECADES.filter((ms) => ms <= total)];
  return {
    kind: 'logarithmic',
    place: (at) => clamp(place(Math.max(0, at - from))),
    ticks: roomy(ticks, place),
  };
}

function roomy(ticks: readonly number[], place: (ms: number) => number): number[] {
  const kept: number[] = [];
  for (const tick of ticks) {
    const last = kept.at(-1);
    if (last === undefined || place(tick) - place(last) >= ROOM) kept.push(tick);
  }
  return kept.filter((tick) => place(tick) <= 0.97);
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
