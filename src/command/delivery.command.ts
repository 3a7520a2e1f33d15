import type { Command } from 'commander';
import type { Transport } from '../client/transport.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { type DeliveryDetails, printDelivery } from './delivery-facts.js';
import { CommandError, UsageError } from './ending.js';
import { examples } from './examples.js';
import { printJson, write } from './output.js';

interface DeliveryOptions extends ConnectOptions {
  readonly account?: string;
  readonly body?: boolean;
}

/** `ringback delivery ID`: its forensics. */
export function define(command: Command): void {
  command
    .argument('<id>', 'of the delivery')
    .option('--body', 'prints the bytes of every attempt, and nothing else');
  connected(accountOption(command)).action(
    async (id: string, { account, body, ...options }: DeliveryOptions) => {
      if (body && options.json)
        throw new UsageError('--body prints bytes, --json all there is: give one of them');
      const { api, url } = connect(options);
      const delivery = await findDelivery(api, id, account);
      if (body && delivery.body === '')
        throw new CommandError('the body is gone: its operation has expired or was erased');
      if (body) write(delivery.body);
      else if (options.json) printJson(delivery);
      else printDelivery(delivery, url);
    },
  );
  examples(
    command,
    'delivery dlv_5d0f2c1e9b8a47636d5e4f3a2b1c0d9e',
    'delivery dlv_5d0f2c1e9b8a47636d5e4f3a2b1c0d9e --body | jq .data',
  );
}

/** A delivery with all its attempts. */
export function findDelivery(api: Transport, id: string, account?: string): Promise<DeliveryDetails> {
  const path = `/v1/deliveries/${encodeURIComponent(id)}`;
  return api.json({ method: 'GET', path, query: { account }, repeatable: true });
}
