import type { Command } from 'commander';
import type { Operation, OperationFilter } from '../client/index.js';
import { count, orderOption, past } from './arguments.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { UsageError } from './ending.js';
import { examples } from './examples.js';
import { OPERATION_COLUMNS } from './operation-facts.js';
import { printJson, printTable } from './output.js';
import { type Query, rowsOf } from './pages.js';

interface ListOptions extends ConnectOptions {
  readonly account?: string;
  readonly failed?: boolean;
  readonly status?: string;
  readonly type?: string;
  readonly correlation?: string;
  readonly schedule?: string;
  readonly flow?: string;
  readonly requestId?: string;
  readonly errorCode?: string;
  readonly callbackState?: string;
  readonly origin?: string;
  readonly createdAfter?: string;
  readonly createdBefore?: string;
  readonly finishedAfter?: string;
  readonly finishedBefore?: string;
  readonly undelivered?: boolean;
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  readonly all?: boolean;
}

/** `ringback list`: operations by the filters of the route. */
export function define(command: Command): void {
  command
    .option('--failed', 'that Failed; the same as --status Failed')
    .option('--status <list>', 'of Waiting, Executing, Finished, Failed, Canceled; several by comma')
    .option('--type <list>', 'of these types; several by comma')
    .option('--correlation <text>', 'with exactly this one')
    .option('--schedule <id>', 'that this schedule had submitted')
    .option('--flow <key>', 'with this flow key')
    .option('--request-id <number>', 'of this number')
    .option('--error-code <code>', 'that Failed with this code')
    .option(
      '--callback-state <list>',
      'whose own callback is Pending, Delivered, Exhausted or Canceled; several by comma',
    )
    .option('--origin <url>', 'whose own callback goes there: scheme, host and port')
    .option('--since, --created-after <time>', 'made since: 1h ago, or 2026-01-31T12:00:00Z', past)
    .option('--until, --created-before <time>', 'made before', past)
    .option('--finished-after <time>', 'ended after', past)
    .option('--finished-before <time>', 'ended before', past)
    .option('--undelivered', 'of which a callback has not been delivered')
    .addOption(orderOption())
    .option('--limit <number>', 'how many at most', count, 50)
    .option('--all', 'however many');
  connected(accountOption(command)).action(async (options: ListOptions) => {
    const { api } = connect(options);
    const most = options.all ? Infinity : options.limit;
    const rows = await rowsOf<Operation>(api, '/v1/operations', queryOf(options), most);
    if (options.json) printJson(rows);
    else printTable(rows, OPERATION_COLUMNS, 'No operation is meant by that.');
  });
  examples(
    command,
    'list',
    'list --failed --since 1h',
    'list --type segments.export --undelivered --all --json | jq -r .[].id',
  );
}

function queryOf(options: ListOptions): Query<OperationFilter> {
  if (options.failed && options.status !== undefined)
    throw new UsageError('--failed is --status Failed: give one of them');
  return {
    status: options.failed ? 'Failed' : options.status,
    type: options.type,
    correlation: options.correlation,
    schedule: options.schedule,
    flow: options.flow,
    request_id: options.requestId,
    error_code: options.errorCode,
    callback_state: options.callbackState,
    origin: options.origin,
    created_after: options.createdAfter,
    created_before: options.createdBefore,
    finished_after: options.finishedAfter,
    finished_before: options.finishedBefore,
    undelivered: options.undelivered,
    order: options.order,
    account: options.account,
  };
}
