import type { Command } from 'commander';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { examples } from './examples.js';
import { endWithReader } from './output.js';

/** `ringback mcp`. */
export function define(command: Command): void {
  accountOption(connected(command))
    .description(
      'Serves the Model Context Protocol on stdin and stdout, for coding agents: tools that list and show operations and callbacks, and explain why one failed. They change nothing unless --write is given. docs/agents.md has the settings of common agents.',
    )
    .option('--write', 'adds the tools that submit operations and send callbacks again', false)
    .action(async ({ write, account, ...options }: ConnectOptions & { write: boolean; account?: string }) => {
      const { url, client, api } = connect(options);
      const { serveMcp } = await import('../mcp/mcp.js');
      endWithReader();
      await serveMcp({ url, client, api, account, write });
    });
  examples(
    command,
    'mcp',
    'mcp --write',
    'mcp --url https://ringback.example.com   # with RINGBACK_KEY in the environment',
  );
}
