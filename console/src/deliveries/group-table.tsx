import { type ReactNode, useState } from 'react';
import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { get, type Page, type Query } from '../api.js';
import type { Delivery } from '../rows.js';
import { useMay } from '../session.js';
import { Ago } from '../ui/ago.js';
import { BulkDialog } from '../ui/bulk-bar.js';
import { Empty } from '../ui/empty.js';
import { Problem } from '../ui/problem.js';
import { count } from '../words.js';
import { DELIVERY_ACTIONS } from './delivery-bulk.js';
import { filterOf, type Group, groupsOf } from './groups.js';

/** So many of the newest are looked at. */
const PAGES = 4;
const PAGE = 250;

/** What doesn't arrive, by where and why: each group can be sent again, or given up, as one. */
export function GroupTable({ filter }: { filter: Query }): ReactNode {
  const failing = { status: 'Exhausted,Pending', ...filter };
  const { data, error, isPending } = useQuery({
    queryKey: ['deliveries', 'groups', failing],
    queryFn: ({ signal }) => newest(failing, signal),
  });
  const may = useMay('deliveries:redeliver');
  const [asked, setAsked] = useState<{ group: Group; action: (typeof DELIVERY_ACTIONS)[number] } | null>(
    null,
  );
  if (error) return <Problem error={error} />;
  if (isPending) return <p className="loading quiet">Loading …</p>;
  const groups = groupsOf(data.rows);
  if (groups.length === 0)
    return (
      <Empty title="Nothing fails">
        <p>No delivery in this selection has failed without having arrived since.</p>
      </Empty>
    );
  return (
    <>
      <div className="table-frame">
        <table className="table">
          <thead>
            <tr>
              <th>Origin</th>
              <th>Error</th>
              <th className="number">Deliveries</th>
              <th className="number">Of them waiting</th>
              <th>First</th>
              <th>Last</th>
              <th>Sample</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <tr key={`${group.origin ?? group.endpoint} ${group.error}`}>
                <td className="wide" title={group.origin ?? undefined}>
                  <Link to="/deliveries" search={filterOf(group)} data-row>
                    {group.origin ?? `pulled of ${group.endpoint}`}
                  </Link>
                </td>
                <td>
                  <code className="bad-text">{group.error}</code>
                </td>
                <td className="number">{count(group.count)}</td>
                <td className="number">{count(group.pending)}</td>
                <td>
                  <Ago at={group.firstSeen} />
                </td>
                <td>
                  <Ago at={group.lastSeen} />
                </td>
                <td>
                  <Link to="/deliveries/$id" params={{ id: group.sample.id }}>
                    attempts
                  </Link>
                </td>
                <td className="buttons">
                  {DELIVERY_ACTIONS.map((action) => (
                    <button
                      key={action.action}
                      type="button"
                      className="button small"
                      disabled={!may}
                      onClick={() => setAsked({ group, action })}
                    >
                      {action.label}
                    </button>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {data.isPart && (
        <p className="quiet">
          Of the {count(data.rows.length)} newest that have failed. What is done with a group is done with all
          of it.
        </p>
      )}
      {asked && (
        <BulkDialog
          kind="deliveries"
          one="delivery"
          selection={{ ...NONE, isAll: true }}
          filter={{ ...failing, ...filterOf(asked.group), status: failing.status }}
          action={{ ...asked.action, act: () => Promise.resolve() }}
          onClose={() => setAsked(null)}
        />
      )}
    </>
  );
}

const nothing = (): void => undefined;
const NONE = {
  ids: new Set<string>(),
  toggle: nothing,
  toggleShown: nothing,
  chooseAll: nothing,
  clear: nothing,
};

async function newest(filter: Query, signal: AbortSignal): Promise<{ rows: Delivery[]; isPart: boolean }> {
  const rows: Delivery[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const { data, next_cursor } = await get<Page<Delivery>>(
      '/v1/deliveries',
      { ...filter, order: 'desc', limit: PAGE, cursor },
      signal,
    );
    rows.push(...data);
    if (next_cursor === null) return { rows, isPart: false };
    cursor = next_cursor;
  }
  return { rows, isPart: true };
}
