import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { DeliveryActions } from '../deliveries/delivery-actions.js';
import { Judgement } from '../deliveries/judgement-text.js';
import type { DeliveryDetails, Operation } from '../rows.js';
import { Status } from '../ui/status.js';
import { Destination } from '../endpoints/destination.js';

/** What its end owed, or will owe: whether it has arrived, why not, and one attempt more. */
export function Callbacks({
  operation,
  deliveries,
}: {
  operation: Operation;
  deliveries: readonly DeliveryDetails[];
}): ReactNode {
  return (
    <section className="card" aria-labelledby="callbacks-title">
      <header>
        <h2 id="callbacks-title">Callbacks</h2>
      </header>
      {deliveries.length === 0 ? (
        <p className="inside quiet">
          {operation.callback === null
            ? 'It was submitted without a callback, and no endpoint listens to its end.'
            : operation.finished_at === null
              ? `Its end will be told to ${operation.callback.url}.`
              : 'Its end was told by the answer to its submit: nothing more is owed.'}
        </p>
      ) : (
        <ul className="callbacks">
          {deliveries.map((delivery) => (
            <li key={delivery.id}>
              <div className="callback-head">
                <Status of={delivery.status} />
                <span className="callback-url">
                  <Destination url={delivery.url} />
                </span>
                <span className="buttons">
                  <DeliveryActions delivery={delivery} />
                  <Link className="button small" to="/deliveries/$id" params={{ id: delivery.id }}>
                    Attempts
                  </Link>
                </span>
              </div>
              <Judgement delivery={delivery} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
