import type { Command } from 'commander';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { examples } from './examples.js';
import { printOperation } from './operation-facts.js';
import { printJson } from './output.js';

/** `ringback get ID`. */
export function define(command: Command): void {
  connected(accountOption(command.argument('<id>', 'of the operation'))).action(
    async (id: string, options: ConnectOptions & { account?: string }) => {
      const { client, url } = connect(options);
      const operation = await client.find(
        id,
        options.account === undefined ? {} : { account: options.account },
      );
      if (options.json) printJson(operation);
      else printOperation(operation, url);
    },
  );
  examples(
    command,
    'get c9b45ec9453241365a0b037bcb181463',
    'get c9b45ec9453241365a0b037bcb181463 --json | jq .status',
  );
}
