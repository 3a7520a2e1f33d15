/**
 * `ringback/client`: submits operations and follows them to their end.
 * Only web-standard `fetch` and no dependency: it runs in Node 22, Deno, Bun, browsers and workers.
 */
export type { Completion } from './completion.js';
export { type FieldFault, type ProblemBody, RingbackError } from './error.js';
export type { FeedOptions } from './feed-stream.js';
export type { StreamOptions } from './history-stream.js';
export {
  type RedeliverOptions,
  type RerunOptions,
  RingbackClient,
  type ReadOptions,
  type SubmitOptions,
  type WaitOptions,
} from './ringback-client.js';
export type { ClientOptions } from './transport.js';
export {
  type Account,
  type AuditEntry,
  type AuditFilter,
  type BatchItem,
  type BulkDeliveriesRequest,
  type BulkOperationsRequest,
  type BulkResult,
  type Delivery,
  type DeliveryFilter,
  type DeliveryStats,
  type DeliveryStatus,
  type ErrorClass,
  type FeedAttempt,
  type FeedEndpoint,
  type FeedEvent,
  type FeedOperation,
  type HistoryEntry,
  type Operation,
  type OperationFilter,
  type OperationStats,
  type OperationStatus,
  type RingbackProcess,
  type RecoverDeliveriesRequest,
  type RecoverRequest,
  type Recovery,
  type RequestedOperation,
  type RerunRequest,
  type StatsFilter,
  type StatsTop,
  type SearchResult,
  type SubmitRequest,
} from './types.js';
