import type { Command } from 'commander';
import { given, headersOf, jsonOf, several, idempotencyKey } from './arguments.js';
import type { Operation, RerunOptions as Changes } from '../client/index.js';
import { accountOption, connect, connected, type Connection, type ConnectOptions } from './connection.js';
import { UsageError } from './ending.js';
import { examples } from './examples.js';
import { follow } from './follow.js';
import { printEnd, printOperation } from './operation-facts.js';
import { printJson } from './output.js';

interface RerunOptions extends ConnectOptions {
  readonly account?: string;
  readonly input?: string;
  /** False: `--no-callback`. */
  readonly callback?: string | false;
  readonly callbackHeader?: readonly string[];
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
}

/** `ringback rerun ID`. */
export function define(command: Command): void {
  command
    .argument('<id>', 'of the operation')
    .option('--input <json>', 'another input: JSON, @file, or @- for stdin')
    .option('--callback <url>', 'another callback')
    .option('--no-callback', 'without the callback that it had')
    .option('--callback-header <header>', '"name: value" of the other callback; may be repeated', several)
    .option(
      '--idempotency-key <key>',
      'run again with the same key within a day, it is the same operation',
      idempotencyKey,
    )
    .option('--wait', 'waits for the end, and shows the progress until then');
  connected(accountOption(command)).action(async (id: string, options: RerunOptions) => {
    const changes = changesOf(options);
    const connection = connect(options);
    const { client, url } = connection;
    const { account } = options;
    const operation = await (account === undefined
      ? client.rerun(id, changes)
      : rerunOf(connection, { id, account, changes }));
    const isQuiet = options.json === true;
    if (options.wait) {
      if (!isQuiet) process.stderr.write(`submitted as ${operation.id}\n`);
      // Shown this once: who is to end it needs it.
      if (operation.completion_url !== undefined)
        process.stderr.write(`completion url: ${operation.completion_url}\n`);
      printEnd(await follow(client, operation.id, { isQuiet, account }), { url, json: isQuiet });
    } else if (isQuiet) printJson(operation);
    else printOperation(operation, url);
  });
  examples(
    command,
    'rerun c9b45ec9453241365a0b037bcb181463 --wait',
    `rerun c9b45ec9453241365a0b037bcb181463 --input '{"seconds":2}' --no-callback`,
  );
}

function changesOf({ input, callback, callbackHeader, idempotencyKey }: RerunOptions) {
  if (callbackHeader !== undefined && typeof callback !== 'string')
    throw new UsageError('--callback-header is about another callback: give --callback too');
  const headers = callbackHeader && headersOf(callbackHeader);
  return given({
    idempotencyKey,
    input: input === undefined ? undefined : jsonOf(input, '--input'),
    callback:
      callback === false
        ? null
        : callback === undefined
          ? undefined
          : { url: callback, ...given({ headers }) },
  });
}

/** Of another account; repeated where a key makes one of all. */
function rerunOf(
  { api }: Connection,
  { id, account, changes }: { id: string; account: string; changes: Changes },
): Promise<Operation> {
  const { idempotencyKey, ...body } = changes;
  return api.json({
    method: 'POST',
    path: `/v1/operations/${encodeURIComponent(id)}/rerun`,
    query: { account },
    body,
    headers: given({ 'idempotency-key': idempotencyKey }),
    repeatable: idempotencyKey !== undefined,
  });
}
