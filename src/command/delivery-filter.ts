import type { Command } from 'commander';
import type { DeliveryFilter } from '../client/index.js';
import { past } from './arguments.js';
import { UsageError } from './ending.js';
import type { Query } from './pages.js';

/** Options that say which deliveries are meant. */
export interface DeliveryFilterOptions {
  readonly failed?: boolean;
  readonly status?: string;
  readonly operation?: string;
  readonly endpoint?: string;
  readonly origin?: string;
  readonly event?: string;
  readonly error?: string;
  readonly since?: string;
  readonly until?: string;
  readonly account?: string;
}

/** Adds the filters of deliveries, all but the account. */
export function filterOptions(command: Command, failed: string): Command {
  return command
    .option('--failed', failed)
    .option('--status <list>', 'of Pending, Delivered, Exhausted, Canceled; several by comma')
    .option('--operation <id>', 'of this operation')
    .option('--endpoint <id>', 'to this endpoint')
    .option('--origin <url>', 'to this scheme, host and port')
    .option('--event <type>', 'operation.finished and the like')
    .option('--error <class>', 'whose last attempt failed so: http_5xx, connect_refused, dns_error, …')
    .option('--since <time>', 'made since: 1h ago, or 2026-01-31T12:00:00Z', past)
    .option('--until <time>', 'made before', past);
}

/** The filter as the routes take it; with `--failed` what was given up, or waits for its next attempt. */
export function filterOf(options: DeliveryFilterOptions): Query<DeliveryFilter> {
  const { failed, status, operation, endpoint, origin, event, error, since, until, account } = options;
  if (failed && status !== undefined)
    throw new UsageError('--failed says which status is meant: leave --status out');
  return {
    status: failed ? 'Exhausted,Pending' : status,
    ...{ operation, endpoint, origin, event, error, since, until, account },
  };
}
