import type { Command } from 'commander';
import type { SubmitRequest } from '../client/index.js';
import { given, headersOf, jsonOf, number, several, span, future, idempotencyKey } from './arguments.js';
import { connect, connected, type ConnectOptions } from './connection.js';
import { UsageError } from './ending.js';
import { examples } from './examples.js';
import { follow } from './follow.js';
import { printEnd, printOperation } from './operation-facts.js';
import { printJson } from './output.js';
import { type NamedFile, namedFiles, uploadAll } from './uploads.js';

interface SubmitOptions extends ConnectOptions {
  readonly input?: string;
  readonly file?: readonly string[];
  readonly callback?: string;
  readonly callbackHeader?: readonly string[];
  readonly thinOver?: number;
  readonly correlation?: string;
  readonly priority?: number;
  readonly runAt?: string;
  readonly timeout?: number;
  readonly retention?: string;
  readonly ackByPoll?: boolean;
  readonly flow?: string;
  readonly parallelism?: number;
  readonly rate?: number;
  readonly period?: number;
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
}

/** `ringback submit TYPE`. */
export function define(command: Command): void {
  command
    .argument('<type>', 'name of an operation type')
    .option('--input <json>', 'JSON, @file, or @- for stdin')
    .option(
      '--file <name=@path>',
      'uploads the file and gives its id as this member of the input; may be repeated',
      several,
    )
    .option('--callback <url>', 'where the end is told')
    .option('--callback-header <header>', '"name: value", sent with every attempt; may be repeated', several)
    .option('--thin-over <bytes>', 'larger callbacks leave the result out', number)
    .option('--correlation <text>', 'yours, given back in every answer and callback')
    .option('--priority <number>', '-100 to 100: higher goes first', number)
    .option('--run-at <time>', 'not before: in 1h, or 2026-01-31T12:00:00Z', future)
    .option('--timeout <span>', 'how long a run may take, such as 90s or 10m', span)
    .option('--retention <class>', 'how long the ended operation is kept')
    .option('--ack-by-poll', 'who has read the end is not told it any more')
    .option('--flow <key>', 'runs with others of the same key, of which only so many run or start at once')
    .option('--parallelism <number>', 'of the flow key: how many run at once', number)
    .option('--rate <number>', 'of the flow key: how many start in a period', number)
    .option('--period <span>', 'of the rate: 1s by default, such as 500ms or 1m', span)
    .option(
      '--idempotency-key <key>',
      'submitted again with the same key within a day, it is the same operation',
      idempotencyKey,
    )
    .option('--wait', 'waits for the end, and shows the progress until then');
  connected(command).action(submit);
  examples(
    command,
    `submit echo --input '{"hello":"world"}' --callback http://127.0.0.1:9000/`,
    `submit segments.export --file file=@pl.po --input '{"source_language":"en","target_language":"pl"}' --wait`,
    'submit http.request --input @request.json --flow tenant-7 --rate 10 --period 1s',
    'submit http.request --input @request.json --run-at 1h --idempotency-key report-17',
  );
  command.addHelpText('after', '\nWith --wait, exit code 0: it is Finished; 1: it is Failed or Canceled.');
}

async function submit(type: string, options: SubmitOptions): Promise<void> {
  const files = namedFiles(options.file ?? []);
  const input = inputOf(options.input, files);
  const callback = callbackOf(options);
  const { client, api, url } = connect(options);
  const isQuiet = options.json === true;
  const ids = await uploadAll(api, files, isQuiet);
  const request: SubmitRequest = {
    type,
    ...given({
      input: files.length === 0 ? input : { ...(input as object | undefined), ...ids },
      callback,
      correlation: options.correlation,
      priority: options.priority,
      run_at: options.runAt,
      timeout_s: options.timeout,
      retention: options.retention,
      ack_by_poll: options.ackByPoll,
      flow: flowOf(options),
    }),
  };
  const operation = await client.submit(request, given({ idempotencyKey: options.idempotencyKey }));
  if (options.wait) {
    if (!isQuiet) process.stderr.write(`submitted as ${operation.id}\n`);
    // Shown this once: who is to end it needs it.
    if (operation.completion_url !== undefined)
      process.stderr.write(`completion url: ${operation.completion_url}\n`);
    printEnd(await follow(client, operation.id, { isQuiet }), { url, json: isQuiet });
  } else if (options.json) printJson(operation);
  else printOperation(operation, url);
}

function inputOf(text: string | undefined, files: readonly NamedFile[]): unknown {
  const input = text === undefined ? undefined : jsonOf(text, '--input');
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  if (files.length > 0 && input !== undefined && !isObject)
    throw new UsageError('--file adds a member to the input: give an object as --input');
  return input;
}

function flowOf({ flow: key, parallelism, rate, period }: SubmitOptions): SubmitRequest['flow'] | undefined {
  if (key !== undefined) return { key, ...given({ parallelism, rate, period_s: period }) };
  if (parallelism !== undefined || rate !== undefined || period !== undefined)
    throw new UsageError('--parallelism, --rate and --period are of a flow key: give --flow too');
  return undefined;
}

function callbackOf({
  callback: url,
  callbackHeader,
  thinOver,
}: SubmitOptions): SubmitRequest['callback'] | undefined {
  if (url !== undefined)
    return { url, ...given({ headers: callbackHeader && headersOf(callbackHeader), thin_over: thinOver }) };
  if (callbackHeader !== undefined || thinOver !== undefined)
    throw new UsageError('--callback-header and --thin-over are about a callback: give --callback too');
  return undefined;
}
