import type { Command } from 'commander';
import type { Delivery } from '../client/index.js';
import { count, orderOption } from './arguments.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { DELIVERY_COLUMNS } from './delivery-facts.js';
import { type DeliveryFilterOptions, filterOf, filterOptions } from './delivery-filter.js';
import { examples } from './examples.js';
import { printJson, printTable } from './output.js';
import { rowsOf } from './pages.js';

interface DeliveriesOptions extends ConnectOptions, DeliveryFilterOptions {
  readonly order: 'asc' | 'desc';
  readonly limit: number;
  readonly all?: boolean;
}

/** `ringback deliveries`: the log, by the filters of the route. */
export function define(command: Command): void {
  filterOptions(command, 'whose last attempt failed, and that are not delivered')
    .addOption(orderOption())
    .option('--limit <number>', 'how many at most', count, 50)
    .option('--all', 'however many');
  connected(accountOption(command)).action(async (options: DeliveriesOptions) => {
    const { failed, order, limit, all } = options;
    const filter = filterOf(options);
    const { api } = connect(options);
    // A Pending one may have had no attempt yet.
    const isMeant = failed ? ({ error }: Delivery): boolean => error !== null : undefined;
    const rows = await rowsOf(api, '/v1/deliveries', { ...filter, order }, all ? Infinity : limit, isMeant);
    if (options.json) printJson(rows);
    else printTable(rows, DELIVERY_COLUMNS, 'No delivery is meant by that.');
  });
  examples(
    command,
    'deliveries --failed --since 1h',
    'deliveries --operation c9b45ec9453241365a0b037bcb181463',
    'deliveries --origin https://example.com --status Exhausted --all --json',
  );
}
