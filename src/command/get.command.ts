import type { Command } from 'commander';
import { given } from './arguments.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { examples } from './examples.js';
import { printOperation } from './operation-facts.js';
import { printJson } from './output.js';

interface GetOptions extends ConnectOptions {
  readonly account?: string;
}

/** `ringback get ID`. */
export function define(command: Command): void {
  connected(accountOption(command.argument('<id>', 'of the operation'))).action(
    async (id: string, { account, ...options }: GetOptions) => {
      const { client, url } = connect(options);
      const operation = await client.find(id, given({ account }));
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
