import type { Operation } from '../client/index.js';
import { CommandError } from './ending.js';
import {
  cleanLines,
  type Column,
  localTime,
  printFacts,
  printJson,
  spanWords,
  statusStyle,
  write,
} from './output.js';

/** Prints an operation for people: what there is of it, its result, and where the console shows it. */
export function printOperation(operation: Operation, url: string): void {
  printFacts(
    {
      id: operation.id,
      type: operation.type,
      status: operation.status,
      text: textOf(operation),
      error: operation.error?.code,
      why: operation.status_info,
      progress: operation.status === 'Executing' ? `${operation.progress} %` : null,
      attempt: operation.attempt > 1 ? operation.attempt : null,
      'queue position': operation.queue_position,
      account: operation.account_id,
      correlation: operation.correlation,
      flow: operation.flow?.key,
      created: localTime(operation.created_at),
      started: localTime(operation.started_at),
      ended: endWords(operation),
      'kept until': localTime(operation.expires_at),
      erased: localTime(operation.erased_at),
      file: operation.file,
      callback: operation.callback && `${operation.callback.state}, ${operation.callback.url}`,
      'rerun of': operation.rerun_of,
      'completion url': operation.completion_url,
      console: consoleLink(url, `operations/${operation.id}`),
    },
    { status: statusStyle(operation.status) },
  );
  printResult(operation);
}

/** Prints how an operation stands; one that did not end as Finished is exit code 1. */
export function printEnd(operation: Operation, { url, json }: { url: string; json: boolean }): void {
  if (json) printJson(operation);
  else printOperation(operation, url);
  const { id, status } = operation;
  if (status === 'Finished') return;
  if (status === 'Failed' || status === 'Canceled')
    throw new CommandError(`the operation ${id} is ${status}`);
  throw new CommandError(`the operation ${id} is still ${status}: "ringback wait ${id}" waits for its end`);
}

function endWords({ finished_at: at, started_at: started }: Operation): string | null {
  if (at === null) return null;
  return started === null ? localTime(at) : `${localTime(at)}, after ${tookWords(started, at)}`;
}

function tookWords(from: string, to: string): string {
  return spanWords(Date.parse(to) - Date.parse(from));
}

function printResult({ result }: Operation): void {
  if (result !== null) write(`\n${cleanLines(JSON.stringify(result, null, 2))}\n`);
}

/** What its handler says, where that is more than the status. */
function textOf({ status, status_text: text }: Operation): string | null {
  return text === status ? null : text;
}

/** What a list shows of each operation. */
export const OPERATION_COLUMNS: readonly Column<Operation>[] = [
  { head: 'ID', of: ({ id }) => id },
  { head: 'TYPE', of: ({ type }) => type },
  { head: 'STATUS', of: ({ status }) => status, style: ({ status }) => statusStyle(status) },
  { head: 'CREATED', of: (operation) => localTime(operation.created_at) },
  {
    head: 'TOOK',
    of: ({ started_at: from, finished_at: to }) =>
      from === null || to === null ? null : tookWords(from, to),
  },
  {
    head: 'CALLBACK',
    of: ({ callback }) => callback?.state,
    style: ({ callback }) => statusStyle(callback?.state ?? null),
  },
  { head: 'CORRELATION', of: ({ correlation }) => correlation },
  {
    head: 'TEXT',
    of: (operation) => textOf(operation) ?? operation.status_info ?? operation.error?.code,
  },
];

/** Where the console of a service shows something. */
export function consoleLink(url: string, path: string): string {
  return `${url.replace(/\/+$/, '')}/console/${path}`;
}
