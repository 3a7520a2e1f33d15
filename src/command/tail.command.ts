import type { Command } from 'commander';
import { type FeedEvent, RingbackError } from '../client/index.js';
import { commaList, given } from './arguments.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { examples } from './examples.js';
import { feedLine } from './feed-line.js';
import { json, write } from './output.js';

interface TailOptions extends ConnectOptions {
  readonly type?: readonly string[];
  readonly failed?: boolean;
  readonly account?: string;
}

/** `ringback tail`. */
export function define(command: Command): void {
  command
    .description(
      'Shows operations that end, attempts of deliveries and endpoints that are disabled, as it happens, until Ctrl-C. After an outage it goes on where it was.',
    )
    .option('--type <types>', 'only operations of these types, by comma, and their deliveries', commaList)
    .option('--failed', 'only what failed');
  connected(accountOption(command)).action(tail);
  examples(command, 'tail', 'tail --failed --type segments.export', 'tail --json | jq .operation.id');
}

async function tail(options: TailOptions): Promise<void> {
  const { client } = connect(options);
  // Told at once where there is no service, or no right: the feed itself waits outages out.
  await client.account();
  if (!options.json) process.stderr.write('Waiting for what happens; Ctrl-C ends it.\n');
  let after: number | undefined;
  for (;;) {
    try {
      for await (const event of client.feed(given({ account: options.account, after }))) {
        after = event.id;
        if (isWanted(event, options)) write(options.json ? json(event) : `${feedLine(event)}\n`);
      }
    } catch (error) {
      if (!(error instanceof RingbackError && error.code === 'unreachable')) throw error;
      process.stderr.write('The service has been away for long; still waiting for it.\n');
    }
  }
}

/** Whether an event is of the types that were asked for, and failed where that was. */
export function isWanted(event: FeedEvent, { type, failed }: Pick<TailOptions, 'type' | 'failed'>): boolean {
  const isOfType = (own: string | null): boolean => !type || (own !== null && type.includes(own));
  switch (event.kind) {
    case 'operation.ended':
      return isOfType(event.operation.type) && (!failed || event.operation.status === 'Failed');
    case 'attempt.made':
      return isOfType(event.attempt.type) && (!failed || event.attempt.outcome !== 'delivered');
    case 'endpoint.disabled':
      return !type;
    case 'reset':
      return true;
    default:
      return event satisfies never;
  }
}
