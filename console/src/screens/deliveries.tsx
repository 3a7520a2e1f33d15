import { type ReactNode, useMemo } from 'react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { Bars } from '../charts/bars.js';
import { DeliveryBulk } from '../deliveries/delivery-bulk.js';
import { DeliveryTable } from '../deliveries/delivery-table.js';
import { GroupTable } from '../deliveries/group-table.js';
import { useFeed } from '../feed.js';
import { deliveryList } from '../rows.js';
import { deliveryFilterOf, type DeliverySearch } from '../search.js';
import { useSelection } from '../selection.js';
import { type DeliveryStats, deliveryStats } from '../stats.js';
import { last, spanOf } from '../time-span.js';
import { Empty } from '../ui/empty.js';
import { FilterChips } from '../ui/filter-chips.js';
import { FilterSelect } from '../ui/filter-select.js';
import { FilterField } from '../ui/filter-field.js';
import { MoreRows } from '../ui/more-rows.js';
import { Problem } from '../ui/problem.js';
import { TimeRange } from '../ui/time-range.js';
import { TopValues } from '../ui/top-values.js';

const route = getRouteApi('/deliveries');
const STATES = ['Pending', 'Delivered', 'Exhausted', 'Canceled'];
const EVENTS = [
  'operation.finished',
  'operation.failed',
  'operation.canceled',
  'delivery.exhausted',
  'endpoint.disabled',
  'endpoint.test',
];
const ERRORS = [
  'http_5xx',
  'http_4xx',
  'http_3xx',
  'connect_refused',
  'connect_timeout',
  'connection_reset',
  'response_timeout',
  'request_timeout',
  'response_invalid',
  'dns_error',
  'dns_timeout',
  'tls_error',
  'proxy_error',
  'blocked_destination',
  'nacked',
  'unknown',
];
const DAY_S = 86_400;
const FED = [['deliveries']];

/** All deliveries, newest first, or what fails, by where and why. */
export function Deliveries(): ReactNode {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const account = useAccountQuery();
  const filter = useMemo(() => ({ ...deliveryFilterOf(search), ...account }), [search, account]);
  useFeed(FED);
  const change = (next: Partial<DeliverySearch>): void =>
    void navigate({ search: (before) => ({ ...before, ...next }), replace: true });
  const isGrouped = search.view === 'groups';
  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Deliveries</h1>
        <div className="segments end" role="group" aria-label="View">
          <button type="button" aria-pressed={!isGrouped} onClick={() => change({ view: undefined })}>
            Each
          </button>
          <button
            type="button"
            aria-pressed={isGrouped}
            onClick={() => change({ view: 'groups', status: undefined })}
          >
            Failures by origin
          </button>
        </div>
      </header>
      <Histogram search={search} onChange={change} />
      <Filters search={search} onChange={change} isGrouped={isGrouped} />
      {isGrouped ? (
        <GroupTable filter={filter} />
      ) : (
        <List search={search} filter={filter} onClear={() => void navigate({ search: {} })} />
      )}
    </div>
  );
}

function List({
  search,
  filter,
  onClear,
}: {
  search: DeliverySearch;
  filter: Parameters<typeof deliveryList>[0];
  onClear: () => void;
}): ReactNode {
  const list = useInfiniteQuery(deliveryList(filter));
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.data) ?? [], [list.data]);
  const selection = useSelection(rows, filter);
  const isFiltered = Object.keys(deliveryFilterOf(search)).length > 0;
  return (
    <>
      <Problem error={list.error} />
      <DeliveryBulk selection={selection} filter={filter} />
      {rows.length > 0 ? (
        <DeliveryTable rows={rows} selection={selection} stale={list.isPlaceholderData} />
      ) : list.isPending || list.hasNextPage ? (
        <p className="loading quiet">Loading …</p>
      ) : list.error ? null : isFiltered ? (
        <Empty title="No delivery matches these filters">
          <button type="button" className="button" onClick={onClear}>
            Clear the filters
          </button>
        </Empty>
      ) : (
        <Empty title="No delivery yet">
          <p>
            One is made when an operation ends that has a callback, or that an endpoint listens to: submit one
            with <code>{'"callback": { "url": "https://…" }'}</code>.
          </p>
        </Empty>
      )}
      <MoreRows list={list} oldest={rows.at(-1)?.created_at} />
    </>
  );
}

interface PartProps {
  readonly search: DeliverySearch;
  readonly onChange: (next: Partial<DeliverySearch>) => void;
}

function useStats({ since, until }: DeliverySearch) {
  const account = useAccountQuery();
  const to = (until === undefined ? Date.now() : Date.parse(until)) / 1000;
  const span =
    since === undefined && until === undefined
      ? last(DAY_S)
      : spanOf(since === undefined ? to - DAY_S : Date.parse(since) / 1000, to);
  return { span, ...useQuery(deliveryStats(span, account)) };
}

function Histogram({ search, onChange }: PartProps): ReactNode {
  const { span, data } = useStats(search);
  const isDay = search.since === undefined && search.until === undefined;
  const { at, series } = useMemo(() => seriesOf(data), [data]);
  return (
    <section className="card histogram" aria-label="How many when">
      <Bars
        label={isDay ? 'Last 24 hours' : 'In the chosen time'}
        at={at}
        stepS={span.step}
        series={series}
        onSpan={(from, to) =>
          onChange({ since: new Date(from * 1000).toISOString(), until: new Date(to * 1000).toISOString() })
        }
      />
      <TopValues
        title="Most attempts go to"
        values={data?.top.origins ?? []}
        chosen={search.origin}
        onChoose={(origin) => onChange({ origin })}
      />
      <TopValues
        title="Most frequent errors"
        values={data?.top.errors ?? []}
        chosen={search.error}
        onChoose={(error) => onChange({ error })}
      />
    </section>
  );
}

function seriesOf(stats: DeliveryStats | undefined) {
  const buckets = stats?.buckets ?? [];
  return {
    at: buckets.map(({ at }) => Date.parse(at) / 1000),
    series: [
      { name: 'Exhausted', color: 'bad-fill', values: buckets.map(({ exhausted }) => exhausted) },
      {
        name: 'Failed attempts',
        color: 'waiting-fill',
        values: buckets.map(({ failed_attempts }) => failed_attempts),
      },
      { name: 'Delivered', color: 'good-fill', values: buckets.map(({ delivered }) => delivered) },
    ],
  };
}

function Filters({ search, onChange, isGrouped }: PartProps & { isGrouped: boolean }): ReactNode {
  const { data } = useStats(search);
  const set = (name: keyof DeliverySearch) => (value: string | undefined) => onChange({ [name]: value });
  return (
    <div className="filter-bar" role="search" aria-label="Filters">
      {!isGrouped && (
        <FilterChips label="State" values={STATES} chosen={search.status} onChange={set('status')} />
      )}
      <TimeRange
        range={{ after: search.since, before: search.until }}
        onChange={({ after, before }) => onChange({ since: after, until: before })}
      />
      <FilterField
        label="Origin"
        value={search.origin}
        suggested={data?.top.origins.map(({ value }) => value) ?? []}
        onChange={set('origin')}
        width={200}
      />
      <FilterSelect label="Any error" values={ERRORS} chosen={search.error} onChange={set('error')} />
      <FilterSelect label="Any event" values={EVENTS} chosen={search.event} onChange={set('event')} />
      <FilterField label="Endpoint" value={search.endpoint} onChange={set('endpoint')} />
      <FilterField label="Operation" value={search.operation} onChange={set('operation')} />
    </div>
  );
}
