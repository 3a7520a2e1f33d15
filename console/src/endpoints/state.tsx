import type { ReactNode } from 'react';
import type { EndpointResponse } from '../api-types.js';

const REASONS: Readonly<Record<string, string>> = {
  gone: 'its receiver answered 410 Gone',
  asked_by_receiver: 'its receiver asked for it, by the header webhook-delivery: disable',
  failing_for_5_days: 'nothing but failures for 5 days',
  not_pulled: 'no consumer has asked at it for days',
  disabled_by_hand: 'somebody disabled it',
};

/** Why an endpoint is disabled, in words. */
export function reasonOf({ disabled_reason: reason }: EndpointResponse): string {
  return reason === null ? '' : (REASONS[reason] ?? reason);
}

export function EndpointState({ of }: { of: EndpointResponse }): ReactNode {
  return of.disabled_at === null ? (
    <span className="status good">Enabled</span>
  ) : (
    <span className="status bad">Disabled</span>
  );
}
