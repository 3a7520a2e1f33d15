import { randomBytes } from 'node:crypto';
import type { EventType } from '../endpoints/events.js';

/** A sample, as it is told. */
export interface Sample {
  readonly type: EventType;
  readonly timestamp: string;
  readonly data: { readonly id: string; readonly [member: string]: unknown };
}

const hex = (): string => randomBytes(16).toString('hex');

/** An event as the service would tell it, of things that aren't there; `data` replaces members of its data. */
export function sampleOf(event: EventType, data: object): Sample {
  const timestamp = new Date().toISOString();
  return { type: event, timestamp, data: { ...dataOf(event, timestamp), ...data } };
}

function dataOf(event: EventType, at: string): Sample['data'] {
  switch (event) {
    case 'operation.finished':
      return operation(at, { status: 'Finished', progress: 100, result: { hello: 'world' } });
    case 'operation.failed': {
      const error = { code: 'sample', message: 'This is a sample of a failure.' };
      return operation(at, { status: 'Failed', status_info: error.message, error });
    }
    case 'operation.canceled':
      return operation(at, { status: 'Canceled' });
    case 'delivery.exhausted':
      return delivery(at);
    case 'endpoint.disabled':
      return endpoint(at);
    default:
      return event satisfies never;
  }
}

function operation(at: string, ended: object): Sample['data'] {
  const id = hex();
  const self = `https://ringback.example.com/v1/operations/${id}`;
  return {
    id,
    request_id: 1,
    type: 'echo',
    status: 'Finished',
    status_text: 'A sample',
    status_info: null,
    progress: 0,
    attempt: 1,
    correlation: null,
    created_at: at,
    started_at: at,
    finished_at: at,
    expires_at: null,
    result: null,
    custom: null,
    error: null,
    file: null,
    callback: { url: 'https://example.com/', state: 'Pending' },
    rerun_of: null,
    links: {
      self,
      history: `${self}/history`,
      result: `${self}/result`,
      deliveries: `${self}/deliveries`,
      cancel: `${self}/cancel`,
    },
    ...ended,
  };
}

function delivery(at: string): Sample['data'] {
  return {
    id: `dlv_${hex()}`,
    operation_id: hex(),
    endpoint_id: null,
    event: 'operation.finished',
    attempt_count: 15,
    created_at: at,
    reason: 'schedule_spent',
  };
}

function endpoint(at: string): Sample['data'] {
  return {
    id: `ep_${hex()}`,
    description: 'A sample',
    disabled_reason: 'failing_for_5_days',
    disabled_at: at,
  };
}
