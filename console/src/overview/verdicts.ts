import type { LedgerResponse, ProcessResponse } from '../api-types.js';
import type { Operation } from '../rows.js';
import type { DeliveryStats, OperationStats } from '../stats.js';
import { count, counted, span } from '../words.js';

/** Answers to the three questions of whoever opens the console, in words; pure. */

export type Tone = 'good' | 'waiting' | 'bad' | 'ended';

export interface Verdict {
  readonly tone: Tone;
  /** The answer in a few words. */
  readonly answer: string;
  /** What it rests on, a sentence each. */
  readonly because: readonly Finding[];
}

/** A sentence, and the filters of the list that proves it. */
export interface Finding {
  readonly text: string;
  readonly proof?:
    | { readonly to: '/operations'; readonly search: Record<string, string> }
    | { readonly to: '/deliveries'; readonly search: Record<string, string> };
}

/** The operator's manual alarms from there on. */
const OVERDUE_S = 60;
const LONG_WAIT_S = 300;
/** Shares of failures that are worth a look, and that are an incident. */
const SOME = 0.02;
const MANY = 0.2;

/** Is work flowing? */
export function flowing({
  ledger,
  processes,
  oldestWaiting,
  now,
}: {
  ledger: LedgerResponse | undefined;
  processes: readonly ProcessResponse[] | undefined;
  oldestWaiting: Operation | undefined;
  now: number;
}): Verdict {
  const because: Finding[] = [];
  let tone: Tone = 'good';
  const worse = (to: Tone): void => {
    if (tone !== 'bad') tone = to;
  };
  const workers = processes?.filter(({ capacity }) => capacity > 0);
  const handled = new Set(workers?.flatMap(({ handlers }) => handlers));
  if (workers?.length === 0) {
    worse('bad');
    because.push({ text: 'No worker is running: nothing will start.' });
  } else if (workers) {
    const running = workers.reduce((sum, each) => sum + each.running, 0);
    const capacity = workers.reduce((sum, each) => sum + each.capacity, 0);
    because.push({
      text: `${counted(workers.length, 'worker')}: ${count(running)} of ${count(capacity)} places taken.`,
      proof: { to: '/operations', search: { status: 'Executing' } },
    });
  }
  if (oldestWaiting) {
    const waitsS = (now - Date.parse(oldestWaiting.created_at)) / 1000;
    const proof = { to: '/operations', search: { status: 'Waiting' } } as const;
    if (workers && workers.length > 0 && !handled.has(oldestWaiting.type)) {
      worse('bad');
      const search = { status: 'Waiting', type: oldestWaiting.type };
      because.push({
        text: `No worker has a handler for ${oldestWaiting.type}.`,
        proof: { to: '/operations', search },
      });
    }
    if (waitsS > LONG_WAIT_S) worse('waiting');
    because.push({ text: `The oldest waiting operation was accepted ${span(waitsS * 1000)} ago.`, proof });
  } else because.push({ text: 'Nothing waits.' });
  if (ledger && ledger.oldest_overdue_s > OVERDUE_S) {
    worse('bad');
    because.push({
      text: `Something that is due has been left lying for ${span(ledger.oldest_overdue_s * 1000)}.`,
    });
  }
  if (ledger && !ledger.balanced) {
    worse('bad');
    because.push({ text: 'The ledger does not balance: see docs/operating.md.' });
  }
  const answer = tone === 'good' ? 'Work flows' : tone === 'bad' ? 'Work is stuck' : 'Work waits long';
  return { tone, answer, because };
}

/** Do runs succeed? The last hour against the last day. */
export function succeeding(hour: OperationStats | undefined, day: OperationStats | undefined): Verdict {
  const [now, before] = [ends(hour), ends(day)];
  if (before.all === 0) return { tone: 'ended', answer: 'Nothing ended in the last day', because: [] };
  const because: Finding[] = [
    {
      text: `Last hour: ${shareText(now, 'failed')}.`,
      proof: { to: '/operations', search: { status: 'Failed' } },
    },
    {
      text: `Last day: ${shareText(before, 'failed')}.`,
      proof: { to: '/operations', search: { status: 'Failed' } },
    },
    ...(day?.top.error_codes.slice(0, 3).map(({ value, count: times }) => ({
      text: `${value}: ${count(times)} in the last day.`,
      proof: { to: '/operations', search: { status: 'Failed', error_code: value } } as const,
    })) ?? []),
  ];
  return { ...judged(now, before, ['Runs succeed', 'Some runs fail', 'Many runs fail']), because };
}

/** Do callbacks arrive? */
export function arriving(hour: DeliveryStats | undefined, day: DeliveryStats | undefined): Verdict {
  const [now, before] = [deliveries(hour), deliveries(day)];
  const attempts = day?.buckets.reduce((sum, { failed_attempts }) => sum + failed_attempts, 0) ?? 0;
  if (before.all === 0 && attempts === 0)
    return { tone: 'ended', answer: 'Nothing was called back in the last day', because: [] };
  const because: Finding[] = [
    {
      text: `Last hour: ${shareText(now, 'given up')}.`,
      proof: { to: '/deliveries', search: { status: 'Exhausted' } },
    },
    {
      text: `Last day: ${shareText(before, 'given up')}; ${counted(attempts, 'attempt')} failed.`,
      proof: { to: '/deliveries', search: { status: 'Exhausted' } },
    },
    ...(day?.top.errors.slice(0, 3).map(({ value, count: times }) => ({
      text: `${value}: ${counted(times, 'attempt')} in the last day.`,
      proof: { to: '/deliveries', search: { error: value, status: 'Pending,Exhausted' } } as const,
    })) ?? []),
    ...(attempts === 0
      ? []
      : [
          {
            text: 'Where and why: failures by origin.',
            proof: { to: '/deliveries', search: { view: 'groups' } } as const,
          },
        ]),
  ];
  const verdict = judged(now, before, ['Callbacks arrive', 'Some callbacks fail', 'Many callbacks fail']);
  if (verdict.tone === 'good' && attempts > before.all * MANY)
    return { tone: 'waiting', answer: 'Callbacks arrive, but late', because };
  return { ...verdict, because };
}

interface Share {
  readonly failed: number;
  readonly all: number;
}

function ends(stats: OperationStats | undefined): Share {
  let [failed, all] = [0, 0];
  for (const bucket of stats?.buckets ?? []) {
    failed += bucket.failed;
    all += bucket.failed + bucket.finished + bucket.canceled;
  }
  return { failed, all };
}

function deliveries(stats: DeliveryStats | undefined): Share {
  let [failed, all] = [0, 0];
  for (const bucket of stats?.buckets ?? []) {
    failed += bucket.exhausted;
    all += bucket.exhausted + bucket.delivered;
  }
  return { failed, all };
}

/** By the hour, where enough ended in it; else by the day. */
function judged(
  hour: Share,
  day: Share,
  [good, some, many]: readonly [string, string, string],
): { tone: Tone; answer: string } {
  const { failed, all } = hour.all >= 5 ? hour : day;
  const share = all === 0 ? 0 : failed / all;
  if (share >= MANY) return { tone: 'bad', answer: many };
  return share >= SOME ? { tone: 'waiting', answer: some } : { tone: 'good', answer: good };
}

const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

function shareText({ failed, all }: Share, what: string): string {
  if (all === 0) return 'nothing ended';
  return `${count(failed)} of ${count(all)} ${what} (${PERCENT.format(failed / all)})`;
}
