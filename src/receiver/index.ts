/**
 * `ringback/receiver`: takes callbacks, each event once, in the transaction of what you do with it; and finds those that were
 * missed. No dependency: it takes your PostgreSQL pool (`pg`) or SQLite database (`node:sqlite`, `better-sqlite3`).
 */
export { CallbackReceiver, type CatchUpOptions, type ReceiverOptions } from './callback-receiver.js';
export type { CallbackEvent } from './event.js';
export { type EventStore, postgres, sqlite } from './event-store.js';
