import type { Command } from 'commander';
import type { HistoryEntry } from '../client/index.js';
import { given } from './arguments.js';
import { accountOption, connect, connected, type ConnectOptions } from './connection.js';
import { examples } from './examples.js';
import { lineOf } from './follow.js';
import { clean, cleanLines, json, localTime, printJson, styled, write } from './output.js';
import { rowsOf } from './pages.js';

interface HistoryOptions extends ConnectOptions {
  readonly account?: string;
  readonly follow?: boolean;
}

/** `ringback history ID`. */
export function define(command: Command): void {
  command
    .argument('<id>', 'of the operation')
    .option('-f, --follow', 'goes on until the operation has ended; with --json, an entry a line');
  connected(accountOption(command)).action(
    async (id: string, { account, follow, ...options }: HistoryOptions) => {
      const { client, api } = connect(options);
      if (follow) {
        await client.find(id, given({ account }));
        for await (const entry of client.stream(id, given({ account })))
          if (options.json) write(json(entry));
          else print(entry);
        return;
      }
      const path = `/v1/operations/${encodeURIComponent(id)}/history`;
      const entries = await rowsOf<HistoryEntry>(api, path, { account }, Infinity);
      if (options.json) printJson(entries);
      else entries.forEach(print);
    },
  );
  examples(
    command,
    'history c9b45ec9453241365a0b037bcb181463',
    'history c9b45ec9453241365a0b037bcb181463 --follow --json',
  );
}

function print(entry: HistoryEntry): void {
  const at = styled('dim', localTime(entry.created_at) ?? '');
  write(`${at}  ${clean(lineOf(entry))}\n`);
  if (entry.stack !== undefined) write(`${styled('dim', cleanLines(entry.stack))}\n`);
}
