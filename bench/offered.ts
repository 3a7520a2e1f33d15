import { allLogged } from './api.js';
import { type Cost, costOf } from './cost.js';
import { type Spread, spreadOf } from './figures.js';
import type { LoadAnswer } from './messages.js';
import type { Run } from './run.js';
import { type Trace, traceOf, waysOf } from './trace.js';
import { residentMb } from './usage.js';

const WARMUP_S = 5;

/** How a load at a fixed rate went. */
export interface Offered extends Cost {
  readonly operations: number;
  /** From the time at which each was to be sent: to its answer, and to its callback's arrival. */
  readonly answerMs: Spread;
  readonly callbackMs: Spread;
  readonly trace: Trace;
  /** Callbacks still to come when the last was sent: many where the service can't keep up. */
  readonly behind: number;
  readonly refused: number;
  readonly duplicates: number;
  readonly residentMb: readonly (number | null)[];
}

/** Offers operations at a rate for some seconds, after a few to warm up. */
export async function offer(run: Run, rate: number, seconds: number): Promise<Offered> {
  const { service, options } = run;
  const operations = rate * seconds;
  const offerAll = async (count: number): Promise<LoadAnswer> => {
    await run.forget();
    const answer = await run.offer(count, rate);
    await run.reach(answer.submitted.length);
    await allLogged(service);
    return answer;
  };
  await offerAll(rate * WARMUP_S);
  const memory = [residentMb(service.pid)];
  let offered!: LoadAnswer;
  const cost = await costOf(service, operations, options.top, async () => {
    offered = await offerAll(operations);
    memory.push(residentMb(service.pid));
  });
  const { first, duplicates } = await run.arrivals();
  const received = new Map(first.map(([rid, at]) => [rid, at]));
  const lastSentAt = offered.submitted.reduce((latest, { sentAt }) => Math.max(latest, sentAt), 0);
  return {
    ...cost,
    operations,
    answerMs: spreadOf(offered.answerMs),
    callbackMs: spreadOf(offered.submitted.map(({ rid, intendedAt }) => received.get(rid)! - intendedAt)),
    trace: traceOf(await waysOf(service, offered.submitted, received)),
    behind: first.filter(([, at]) => at > lastSentAt).length,
    refused: offered.refused,
    duplicates,
    residentMb: memory,
  };
}
