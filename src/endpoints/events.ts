/** What can be told to endpoints. */
export const EVENT_TYPES = [
  'operation.finished',
  'operation.failed',
  'operation.canceled',
  'delivery.exhausted',
  'endpoint.disabled',
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

/** What an endpoint is told that names no events: the ends of operations. */
export const DEFAULT_EVENTS: EventType[] = ['operation.finished', 'operation.failed', 'operation.canceled'];
