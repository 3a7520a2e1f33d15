import type { Command } from 'commander';
import { given, span } from './arguments.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { examples } from './examples.js';
import { follow } from './follow.js';
import { printEnd } from './operation-facts.js';

interface WaitOptions extends ConnectOptions {
  readonly account?: string;
  readonly timeout?: number;
}

/** `ringback wait ID`. */
export function define(command: Command): void {
  command
    .argument('<id>', 'of the operation')
    .option('--timeout <span>', 'how long at most, such as 90s or 10m; without it, until the end', span);
  connected(accountOption(command)).action(
    async (id: string, { account, timeout, ...options }: WaitOptions) => {
      const { client, url } = connect(options);
      // Once before: what isn't there, or can't be reached, is said at once.
      await client.find(id, given({ account }));
      const isQuiet = options.json === true;
      const operation = await follow(client, id, { timeoutS: timeout, account, isQuiet });
      printEnd(operation, { url, json: isQuiet });
    },
  );
  examples(
    command,
    'wait c9b45ec9453241365a0b037bcb181463',
    'wait c9b45ec9453241365a0b037bcb181463 --timeout 10m --json | jq .result',
  );
  command.addHelpText(
    'after',
    '\nExit code 0: it is Finished; 1: it is Failed or Canceled, or the time is up.',
  );
}
