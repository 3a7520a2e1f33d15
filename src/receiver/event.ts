import type { Operation } from '../client/index.js';

/** The body of a callback. `data` is the operation for `operation.finished`, `operation.failed` and `operation.canceled`. */
export interface CallbackEvent<Data = Operation> {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Data;
}

/** What an event is remembered by. */
export interface EventName {
  /** The same whichever way the event came. */
  readonly event: string;
  /** Null where it was found and not received. */
  readonly webhookId: string | null;
}

const ENDS = ['operation.finished', 'operation.failed', 'operation.canceled'];

/**
 * Names an event. An operation ends once, so its end is one event, whether its callback, an endpoint's or a list tells it.
 * Only what is signed counts: the body and `webhook-id`, no other header.
 */
export function nameOf(body: unknown, webhookId: string): EventName {
  const { type, data } = (body ?? {}) as { type?: unknown; data?: { id?: unknown } | null };
  const ended = typeof type === 'string' && ENDS.includes(type) && typeof data?.id === 'string';
  return { event: ended ? `${data.id as string} ${type}` : webhookId, webhookId };
}

/** The event that an ended operation's callback tells. */
export function endOf(operation: Operation): CallbackEvent {
  const type = `operation.${operation.status.toLowerCase()}`;
  return { type, timestamp: operation.finished_at!, data: operation };
}
