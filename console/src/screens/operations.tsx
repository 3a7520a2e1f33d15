import { type ReactNode, useMemo } from 'react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { Bars } from '../charts/bars.js';
import { useFeed } from '../feed.js';
import { MOUNT } from '../mount.js';
import { OperationBulk } from '../operations/operation-bulk.js';
import { OperationTable } from '../operations/operation-table.js';
import { operationList } from '../rows.js';
import { operationFilterOf, type OperationSearch } from '../search.js';
import { useSelection } from '../selection.js';
import { operationStats, type OperationStats } from '../stats.js';
import { last, spanOf } from '../time-span.js';
import { Empty } from '../ui/empty.js';
import { FilterChips } from '../ui/filter-chips.js';
import { FilterSelect } from '../ui/filter-select.js';
import { FilterField } from '../ui/filter-field.js';
import { MoreRows } from '../ui/more-rows.js';
import { Problem } from '../ui/problem.js';
import { TimeRange } from '../ui/time-range.js';
import { TopValues } from '../ui/top-values.js';

const route = getRouteApi('/operations');
const STATES = ['Waiting', 'Executing', 'Finished', 'Failed', 'Canceled'];
const CALLBACK_STATES = ['Pending', 'Delivered', 'Exhausted', 'Canceled'];
const DAY_S = 86_400;

/** All operations, newest first: filters, how many there were when, and what can be done with many at once. */
export function Operations(): ReactNode {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const account = useAccountQuery();
  const filter = useMemo(() => ({ ...operationFilterOf(search), ...account }), [search, account]);
  const list = useInfiniteQuery(operationList(filter));
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.data) ?? [], [list.data]);
  const selection = useSelection(rows, filter);
  useFeed(FED);
  const change = (next: Partial<OperationSearch>): void =>
    void navigate({ search: (before) => ({ ...before, ...next }), replace: true });
  const isFiltered = Object.keys(operationFilterOf(search)).length > 0;
  return (
    <div className="screen">
      <header className="screen-head">
        <h1>Operations</h1>
      </header>
      <Histogram search={search} onChange={change} />
      <Filters search={search} onChange={change} />
      <Problem error={list.error} />
      <OperationBulk selection={selection} filter={filter} />
      {rows.length > 0 ? (
        <OperationTable rows={rows} selection={selection} stale={list.isPlaceholderData} />
      ) : list.isPending || list.hasNextPage ? (
        <p className="loading quiet">Loading …</p>
      ) : list.error ? null : (
        <NoOperations isFiltered={isFiltered} onClear={() => void navigate({ search: {} })} />
      )}
      <MoreRows list={list} oldest={rows.at(-1)?.created_at} />
    </div>
  );
}

const FED = [['operations']];

interface PartProps {
  readonly search: OperationSearch;
  readonly onChange: (next: Partial<OperationSearch>) => void;
}

function useStats({ created_after: after, created_before: before }: OperationSearch) {
  const account = useAccountQuery();
  const span =
    after === undefined && before === undefined
      ? last(DAY_S)
      : spanOf(
          Date.parse(after ?? '') / 1000 || Date.parse(before!) / 1000 - DAY_S,
          (before === undefined ? Date.now() : Date.parse(before)) / 1000,
        );
  return { span, ...useQuery(operationStats(span, account)) };
}

function Histogram({ search, onChange }: PartProps): ReactNode {
  const { span, data } = useStats(search);
  const isDay = search.created_after === undefined && search.created_before === undefined;
  const { at, series } = useMemo(() => seriesOf(data), [data]);
  return (
    <section className="card histogram" aria-label="How many when">
      <Bars
        label={isDay ? 'Ended, last 24 hours' : 'Ended, in the chosen time'}
        at={at}
        stepS={span.step}
        series={series}
        onSpan={(from, to) => onChange({ created_after: iso(from), created_before: iso(to) })}
      />
      <TopValues
        title="Most frequent types"
        values={data?.top.types ?? []}
        chosen={search.type}
        onChoose={(type) => onChange({ type })}
      />
      <TopValues
        title="Most frequent errors"
        values={data?.top.error_codes ?? []}
        chosen={search.error_code}
        onChoose={(error_code) => onChange({ error_code })}
      />
    </section>
  );
}

function seriesOf(stats: OperationStats | undefined) {
  const buckets = stats?.buckets ?? [];
  return {
    at: buckets.map(({ at }) => Date.parse(at) / 1000),
    series: [
      { name: 'Failed', color: 'bad-fill', values: buckets.map(({ failed }) => failed) },
      { name: 'Canceled', color: 'ended-fill', values: buckets.map(({ canceled }) => canceled) },
      { name: 'Finished', color: 'good-fill', values: buckets.map(({ finished }) => finished) },
    ],
  };
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '');
}

function Filters({ search, onChange }: PartProps): ReactNode {
  const { data } = useStats(search);
  const set = (name: keyof OperationSearch) => (value: string | undefined) => onChange({ [name]: value });
  const values = (top: readonly { value: string }[] | undefined): string[] =>
    top?.map(({ value }) => value) ?? [];
  return (
    <div className="filter-bar" role="search" aria-label="Filters">
      <FilterChips label="State" values={STATES} chosen={search.status} onChange={set('status')} />
      <FilterSelect
        label="Any callback"
        values={CALLBACK_STATES}
        chosen={search.callback_state}
        onChange={set('callback_state')}
      />
      <TimeRange
        range={{ after: search.created_after, before: search.created_before }}
        onChange={({ after, before }) => onChange({ created_after: after, created_before: before })}
      />
      <FilterField
        label="Type"
        value={search.type}
        suggested={values(data?.top.types)}
        onChange={set('type')}
      />
      <FilterField label="Correlation" value={search.correlation} onChange={set('correlation')} />
      <FilterField
        label="Error code"
        value={search.error_code}
        suggested={values(data?.top.error_codes)}
        onChange={set('error_code')}
      />
      <FilterField label="Callback origin" value={search.origin} onChange={set('origin')} width={170} />
      {search.flow !== undefined && (
        <FilterField label="Flow key" value={search.flow} onChange={set('flow')} width={170} />
      )}
      {search.schedule !== undefined && (
        <FilterField label="Schedule" value={search.schedule} onChange={set('schedule')} width={170} />
      )}
    </div>
  );
}

function NoOperations({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }): ReactNode {
  if (isFiltered)
    return (
      <Empty title="No operation matches these filters">
        <button type="button" className="button" onClick={onClear}>
          Clear the filters
        </button>
      </Empty>
    );
  return (
    <Empty title="No operation yet">
      <p>Submit the first one by “Try it”, or from a shell:</p>
      <pre>{`curl -sS ${new URL('../v1/operations', MOUNT).href} \\
  -H "Authorization: Bearer $RINGBACK_API_KEY" -H 'Content-Type: application/json' \\
  -d '{"type":"echo","input":{"hello":"world"},"correlation":"order 17"}'`}</pre>
    </Empty>
  );
}
