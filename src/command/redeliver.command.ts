import type { Command } from 'commander';
import type { BulkResult, Delivery, DeliveryFilter, Operation } from '../client/index.js';
import { sleep } from '../client/transport.js';
import { accountOption, connect, connected, type Connection, type ConnectOptions } from './connection.js';
import { attemptLine, type DeliveryDetails } from './delivery-facts.js';
import { type DeliveryFilterOptions, filterOf, filterOptions } from './delivery-filter.js';
import { findDelivery } from './delivery.command.js';
import { eachOf } from './each.js';
import { CommandError, UsageError } from './ending.js';
import { examples } from './examples.js';
import { follow } from './follow.js';
import type { Query } from './pages.js';
import { clean, counted, printJson, statusStyle, styled, write } from './output.js';

interface RedeliverOptions extends ConnectOptions, DeliveryFilterOptions {
  readonly again?: boolean;
  readonly dryRun?: boolean;
  /** False: `--no-wait`. */
  readonly wait: boolean;
}

/** How often, and for how long at most, an attempt's end is looked for. */
const LOOK_MS = 100;
const PATIENCE_MS = 60_000;

/** `ringback redeliver ID…`, or all that a filter means. */
export function define(command: Command): void {
  command.argument('[id...]', 'of deliveries');
  filterOptions(command, 'what was given up, or waits for its next attempt')
    .option('--again', 'also what was delivered, of a receiver that lost it; only by id')
    .option('--dry-run', 'says how many these are, and sends nothing')
    .option('--no-wait', 'does not wait for the outcome');
  connected(accountOption(command)).action((ids: string[], options: RedeliverOptions) => {
    const filter = filterOf(options);
    const names = Object.entries(filter).filter(([name, value]) => value !== undefined && name !== 'account');
    if (ids.length > 0 === names.length > 0)
      throw new UsageError(
        'give either ids, or a filter such as --failed --since 1h: "ringback redeliver --help" lists them',
      );
    if (ids.length > 0 && options.dryRun)
      throw new UsageError('--dry-run is about a filter: ids say themselves how many they are');
    if (ids.length === 0 && options.again)
      throw new UsageError('--again takes ids: what was delivered is not sent again by a filter');
    return ids.length > 0 ? redeliverEach(ids, options) : redeliverAll(filter, options);
  });
  examples(
    command,
    'redeliver dlv_5d0f2c1e9b8a47636d5e4f3a2b1c0d9e',
    'redeliver --failed --since 1h --dry-run',
    'redeliver --failed --origin https://example.com',
  );
}

async function redeliverEach(ids: readonly string[], options: RedeliverOptions): Promise<void> {
  const connection = connect(options);
  const json = options.json === true;
  const act = async (id: string): Promise<DeliveryDetails> => {
    const before = await findDelivery(connection.api, id, options.account);
    await connection.api.json<Delivery>({
      method: 'POST',
      path: `/v1/deliveries/${encodeURIComponent(id)}/redeliver`,
      query: { again: options.again, account: options.account },
      repeatable: false,
    });
    const after = await outcomeOf(connection, before, options);
    // Each at once: the next one may take as long as its receiver.
    if (!json) printOutcome(after, before);
    return after;
  };
  const sent = await eachOf(ids, { json, act, print: () => undefined });
  const failed = sent.filter(({ attempts }) => attempts.at(-1)?.outcome !== 'delivered');
  if (options.wait && failed.length > 0)
    throw new CommandError(
      `${failed.length} of ${counted(ids.length, 'delivery', 'deliveries')} did not arrive`,
    );
}

/** The delivery once the attempt that was asked for has ended; or as it is, where that takes too long. */
async function outcomeOf(
  { api }: Connection,
  before: DeliveryDetails,
  { wait, account }: RedeliverOptions,
): Promise<DeliveryDetails> {
  const made = Math.max(0, ...before.attempts.map(({ number }) => number));
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const delivery = await findDelivery(api, before.id, account);
    const fresh = delivery.attempts.filter(({ number }) => number > made);
    const hasEnded = fresh.some(({ outcome }) => outcome !== 'started');
    if (!wait || hasEnded || performance.now() > until) return delivery;
    await sleep(LOOK_MS);
  }
}

function printOutcome(delivery: DeliveryDetails, before: DeliveryDetails): void {
  const last = delivery.attempts.at(-1);
  const isNew =
    last !== undefined && last.number > Math.max(0, ...before.attempts.map(({ number }) => number));
  const how = isNew ? attemptLine(last) : 'waits for its turn';
  const status = styled(statusStyle(delivery.status) ?? 'dim', delivery.status);
  write(`${clean(delivery.id)}  ${status}  ${how}\n`);
}

async function redeliverAll(filter: Query<DeliveryFilter>, options: RedeliverOptions): Promise<void> {
  const { client, url } = connect(options);
  const request = {
    action: 'redeliver' as const,
    filter: JSON.parse(JSON.stringify(filter)) as DeliveryFilter,
  };
  if (options.dryRun) {
    const matched = await client.matchDeliveries(request);
    if (options.json) printJson({ matched });
    else write(`${counted(matched, 'delivery', 'deliveries')} would be sent again.\n`);
    return;
  }
  const begun = await client.bulkDeliveries(request);
  const isQuiet = options.json === true;
  const ended = options.wait
    ? ((await follow(client, begun.id, { isQuiet })) as Operation<BulkResult>)
    : begun;
  if (isQuiet) printJson(ended);
  else if (!options.wait)
    write(`Begun as operation ${ended.id}: "ringback wait ${ended.id}" waits for its end.\n`);
  else write(summaryOf(ended));
  if (options.wait && ended.status !== 'Finished')
    throw new CommandError(
      `the operation ${ended.id} is ${ended.status}: ${url}/console/operations/${ended.id} shows why`,
    );
}

function summaryOf({ result }: Operation<BulkResult>): string {
  if (result === null) return '';
  const skipped = result.skipped === 0 ? '' : `; ${result.skipped} could not be, when their turn came`;
  return `${result.done} of ${counted(result.matched, 'delivery', 'deliveries')} had their attempt begun${skipped}. "ringback deliveries --failed" lists what did not arrive.\n`;
}
