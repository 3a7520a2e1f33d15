import type { Command } from 'commander';
import type { Operation } from '../client/index.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { eachOf } from './each.js';
import { examples } from './examples.js';
import { OPERATION_COLUMNS } from './operation-facts.js';
import { printTable } from './output.js';

interface CancelOptions extends ConnectOptions {
  readonly account?: string;
}

/** `ringback cancel ID…`. */
export function define(command: Command): void {
  command.argument('<id...>', 'of operations');
  connected(accountOption(command)).action(async (ids: string[], { account, ...options }: CancelOptions) => {
    const { client, api } = connect(options);
    await eachOf<Operation>(ids, {
      json: options.json === true,
      print: (operations) => operations.length > 0 && printTable(operations, OPERATION_COLUMNS, ''),
      act: (id) =>
        account === undefined
          ? client.cancel(id)
          : api.json({
              method: 'POST',
              path: `/v1/operations/${encodeURIComponent(id)}/cancel`,
              query: { account },
              repeatable: true,
            }),
    });
  });
  examples(
    command,
    'cancel c9b45ec9453241365a0b037bcb181463',
    'cancel $(ringback list --status Waiting --type sleep --all --json | jq -r .[].id)',
  );
}
