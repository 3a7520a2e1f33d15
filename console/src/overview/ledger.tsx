import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import type { LedgerResponse } from '../api-types.js';
import { Status } from '../ui/status.js';
import { count } from '../words.js';

const OPERATIONS = ['Waiting', 'Executing', 'Finished', 'Failed', 'Canceled'] as const;
const DELIVERIES = ['Pending', 'Delivered', 'Exhausted', 'Canceled'] as const;

/** What was accepted against what there is: nothing is lost. */
export function Ledger({ ledger }: { ledger: LedgerResponse }): ReactNode {
  return (
    <section className="card" aria-labelledby="ledger-title">
      <header>
        <h2 id="ledger-title">Ledger</h2>
        <span className={ledger.balanced ? 'quiet' : 'bad-text'}>
          {ledger.balanced
            ? 'Balanced: everything that was accepted is here.'
            : 'Not balanced: see docs/operating.md.'}
        </span>
      </header>
      <div className="ledger inside">
        <p>
          <strong>{count(ledger.accepted)}</strong> operations accepted and kept
        </p>
        <ul>
          {OPERATIONS.map((state) => (
            <li key={state}>
              <Link to="/operations" search={{ status: state }}>
                <Status of={ledger.operations[lower(state)] === 0 ? 'none' : state}>{state}</Status>
                <strong>{count(ledger.operations[lower(state)])}</strong>
              </Link>
            </li>
          ))}
        </ul>
        <p>
          <strong>{count(ledger.ended_with_callback)}</strong> callbacks owed
        </p>
        <ul>
          {DELIVERIES.map((state) => (
            <li key={state}>
              <Link to="/deliveries" search={{ status: state }}>
                <Status of={ledger.deliveries[lower(state)] === 0 ? 'none' : state}>{state}</Status>
                <strong>{count(ledger.deliveries[lower(state)])}</strong>
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

function lower<State extends string>(state: State): Lowercase<State> {
  return state.toLowerCase() as Lowercase<State>;
}
