import { type BackendFactory, getDefaultBackendFactory, setDefaultBackendFactory } from 'bullmq';

type AnyFactory = BackendFactory<any, any>;

const ours = new WeakMap<object, AnyFactory>();
let others: AnyFactory | undefined;

/**
 * Makes every BullMQ queue and worker on this connection use this backend. BullMQ's default is the process's, and an
 * application that embeds Ringback may have queues of its own: on other connections its default stays what it was.
 */
export function backConnection(connection: object, factory: AnyFactory): void {
  ours.set(connection, factory);
  const before = getDefaultBackendFactory<any, any>();
  if (before === choose) return;
  others = before;
  setDefaultBackendFactory(choose);
}

function choose(...given: Parameters<AnyFactory>): ReturnType<AnyFactory> {
  const connection: unknown = given[1].connection;
  const factory = typeof connection === 'object' && connection !== null ? ours.get(connection) : undefined;
  return (factory ?? others!)(...given);
}
