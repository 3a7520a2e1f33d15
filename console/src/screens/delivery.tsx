import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { RingbackError } from '../api.js';
import type { AttemptResponse } from '../api-types.js';
import { Destination } from '../endpoints/destination.js';
import { AttemptDetails } from '../deliveries/attempt-details.js';
import { AttemptTable } from '../deliveries/attempt-table.js';
import { DeliveryActions } from '../deliveries/delivery-actions.js';
import { Judgement } from '../deliveries/judgement-text.js';
import { useFeed } from '../feed.js';
import { type DeliveryDetails, deliveryQuery } from '../rows.js';
import { SignatureCheck } from '../signature-check.js';
import { Ago } from '../ui/ago.js';
import { Copy } from '../ui/copy.js';
import { Empty } from '../ui/empty.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { Status } from '../ui/status.js';

const route = getRouteApi('/deliveries/$id');
/** Milliseconds between looks while an attempt is due or in flight. */
const LIVE_MS = 2_000;
const FED = [['deliveries', 'one']];

/** One delivery: each attempt with what was sent and answered, why it was judged so, and when the next one is. */
export function Delivery(): ReactNode {
  const { id } = route.useParams();
  const account = useAccountQuery();
  const { data, error } = useQuery({
    ...deliveryQuery(id, account),
    refetchInterval: ({ state }) => (isMoving(state.data) ? LIVE_MS : false),
  });
  useFeed(FED);
  if (data) return <Found delivery={data} />;
  return (
    <div className="screen">
      {error instanceof RingbackError && error.status === 404 ? (
        <Empty title={`No delivery ${id}`}>
          <p>It may have been deleted when its retention was over, or belong to another account.</p>
        </Empty>
      ) : (
        <Problem error={error} />
      )}
      {!error && <p className="quiet">Loading …</p>}
    </div>
  );
}

/** Whether its next attempt is in flight or about to be. */
function isMoving(delivery: DeliveryDetails | undefined): boolean {
  if (delivery?.status !== 'Pending') return false;
  const next = delivery.next_attempt_at;
  return next === null || Date.parse(next) < Date.now() + 10_000;
}

function Found({ delivery }: { delivery: DeliveryDetails }): ReactNode {
  const { attempt: named } = route.useSearch();
  const navigate = route.useNavigate();
  const { attempts } = delivery;
  const chosen: AttemptResponse | undefined =
    attempts.find(({ number }) => String(number) === named) ?? attempts.at(-1);
  return (
    <div className="screen">
      <header className="screen-head">
        <h1>{delivery.event}</h1>
        <Status of={delivery.status} />
        <div className="buttons">
          <DeliveryActions delivery={delivery} />
        </div>
      </header>
      <div className={`verdict-box ${delivery.status}`}>
        <Judgement delivery={delivery} />
      </div>
      <dl className="facts card inside in-columns">
        <dt>To</dt>
        <dd>
          <Destination url={delivery.url} />
        </dd>
        <dt>webhook-id</dt>
        <dd>
          <code>{delivery.id}</code> <Copy text={delivery.id} />
        </dd>
        {delivery.operation_id !== null && (
          <>
            <dt>Operation</dt>
            <dd>
              <Link to="/operations/$id" params={{ id: delivery.operation_id }}>
                <Id id={delivery.operation_id} />
              </Link>
            </dd>
          </>
        )}
        {delivery.endpoint_id !== null && (
          <>
            <dt>Endpoint</dt>
            <dd>
              <Link to="/endpoints/$id" params={{ id: delivery.endpoint_id }}>
                <Id id={delivery.endpoint_id} />
              </Link>
            </dd>
          </>
        )}
        <dt>Made</dt>
        <dd>
          <Ago at={delivery.created_at} />
        </dd>
      </dl>
      <AttemptTable
        delivery={delivery}
        chosen={chosen?.number}
        onChoose={(number) =>
          void navigate({ search: (before) => ({ ...before, attempt: String(number) }), replace: true })
        }
      />
      {chosen && <AttemptDetails key={chosen.number} delivery={delivery} attempt={chosen} />}
      {chosen && (
        <div className="card inside">
          <SignatureCheck
            attempt={{
              id: delivery.id,
              timestamp: timestampOf(chosen),
              body: delivery.body,
            }}
            fingerprints={delivery.signing_fingerprints}
          />
        </div>
      )}
    </div>
  );
}

/** `webhook-timestamp` of the attempt, in seconds. */
function timestampOf({ request_headers: headers, started_at: at }: AttemptResponse): string {
  return headers?.['webhook-timestamp'] ?? String(Math.floor(Date.parse(at) / 1000));
}
