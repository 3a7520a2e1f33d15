import { type ReactNode, useMemo } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { get, type Page } from '../api.js';
import type { LedgerResponse, ProcessResponse } from '../api-types.js';
import { Bars } from '../charts/bars.js';
import { useClock } from '../clock.js';
import { useFeed } from '../feed.js';
import { arriving, flowing, succeeding, type Verdict } from '../overview/verdicts.js';
import { Ledger } from '../overview/ledger.js';
import { type Operation, SLOW_LOOK_MS } from '../rows.js';
import { useMay } from '../session.js';
import { type DeliveryStats, deliveryStats, type OperationStats, operationStats } from '../stats.js';
import { last } from '../time-span.js';
import { Problem } from '../ui/problem.js';

const HOUR_S = 3_600;
const DAY_S = 86_400;
const FED = [['operations', 'stats'], ['deliveries', 'stats'], ['operations', 'oldest'], ['ledger']];
/** How long a span that ends "now" stays the same one. */
const MINUTE_MS = 60_000;

/** Three questions answered in words, each with the list that proves it; and what happened when. */
export function Overview(): ReactNode {
  const account = useAccountQuery();
  const isAdmin = useMay('admin');
  const minute = useClock((now) => Math.ceil(now / MINUTE_MS) * MINUTE_MS);
  const second = useClock((now) => now);
  const [hourSpan, daySpan] = useMemo(
    () => [last(HOUR_S, minute / 1000), last(DAY_S, minute / 1000)] as const,
    [minute],
  );
  const operationsHour = useQuery(operationStats(hourSpan, account));
  const operationsDay = useQuery(operationStats(daySpan, account));
  const deliveriesHour = useQuery(deliveryStats(hourSpan, account));
  const deliveriesDay = useQuery(deliveryStats(daySpan, account));
  const ledger = useQuery({
    queryKey: ['ledger'],
    queryFn: ({ signal }) => get<LedgerResponse>('/v1/ledger', {}, signal),
    enabled: isAdmin,
    refetchInterval: SLOW_LOOK_MS,
  });
  const processes = useQuery({
    queryKey: ['processes'],
    queryFn: ({ signal }) => get<Page<ProcessResponse>>('/v1/processes', { limit: 250 }, signal),
    enabled: isAdmin,
    refetchInterval: SLOW_LOOK_MS,
  });
  const oldest = useQuery({
    queryKey: ['operations', 'oldest', account],
    queryFn: ({ signal }) =>
      get<Page<Operation>>('/v1/operations', { ...account, status: 'Waiting', limit: 1 }, signal),
    refetchInterval: SLOW_LOOK_MS,
  });
  useFeed(FED);
  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Overview</h1>
      </header>
      <Problem error={operationsDay.error ?? deliveriesDay.error ?? oldest.error} />
      <div className="verdicts">
        <Card
          question="Is work flowing?"
          verdict={
            oldest.data &&
            flowing({
              ledger: ledger.data,
              processes: processes.data?.data,
              oldestWaiting: oldest.data.data[0],
              now: second,
            })
          }
        />
        <Card
          question="Do runs succeed?"
          verdict={operationsDay.data && succeeding(operationsHour.data, operationsDay.data)}
        />
        <Card
          question="Do callbacks arrive?"
          verdict={deliveriesDay.data && arriving(deliveriesHour.data, deliveriesDay.data)}
        />
      </div>
      <Day operations={operationsDay.data} deliveries={deliveriesDay.data} step={daySpan.step} />
      {ledger.data && <Ledger ledger={ledger.data} />}
    </div>
  );
}

function Card({ question, verdict }: { question: string; verdict: Verdict | undefined }): ReactNode {
  return (
    <section className={`card verdict-card ${verdict?.tone ?? 'ended'}`} aria-label={question}>
      <p className="quiet">{question}</p>
      <p className="verdict-answer">{verdict?.answer ?? '…'}</p>
      <ul>
        {verdict?.because.map(({ text, proof }) => (
          <li key={text}>
            {proof?.to === '/operations' ? (
              <Link to="/operations" search={proof.search}>
                {text}
              </Link>
            ) : proof?.to === '/deliveries' ? (
              <Link to="/deliveries" search={proof.search}>
                {text}
              </Link>
            ) : (
              text
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Day({
  operations,
  deliveries,
  step,
}: {
  operations: OperationStats | undefined;
  deliveries: DeliveryStats | undefined;
  step: number;
}): ReactNode {
  const navigate = useNavigate();
  const { at, series } = useMemo(() => {
    const exhausted = new Map(deliveries?.buckets.map((bucket) => [Date.parse(bucket.at), bucket.exhausted]));
    const buckets = operations?.buckets ?? [];
    return {
      at: buckets.map((bucket) => Date.parse(bucket.at) / 1000),
      series: [
        {
          name: 'Callbacks given up',
          color: 'waiting-fill',
          values: buckets.map((bucket) => exhausted.get(Date.parse(bucket.at)) ?? 0),
        },
        { name: 'Failed', color: 'bad-fill', values: buckets.map(({ failed }) => failed) },
        { name: 'Accepted', color: 'busy-fill', values: buckets.map(({ accepted }) => accepted) },
      ],
    };
  }, [operations, deliveries]);
  return (
    <section className="card inside" aria-label="The last day">
      <Bars
        label="Last 24 hours"
        at={at}
        stepS={step}
        series={series}
        height={150}
        onSpan={(from, to) =>
          void navigate({
            to: '/operations',
            search: {
              created_after: new Date(from * 1000).toISOString(),
              created_before: new Date(to * 1000).toISOString(),
            },
          })
        }
      />
    </section>
  );
}
