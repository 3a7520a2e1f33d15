import type { Operation } from '../client/index.js';
import { cleanLines, localTime, printFacts, write } from './output.js';

/** Prints an operation for people: what there is of it, its result, and where the console shows it. */
export function printOperation(operation: Operation, url: string): void {
  printFacts({
    id: operation.id,
    type: operation.type,
    status: operation.status,
    text: operation.status_text,
    why: operation.status_info,
    progress: operation.status === 'Executing' ? `${operation.progress} %` : null,
    attempt: operation.attempt > 1 ? operation.attempt : null,
    'queue position': operation.queue_position,
    account: operation.account_id,
    correlation: operation.correlation,
    created: localTime(operation.created_at),
    started: localTime(operation.started_at),
    ended: localTime(operation.finished_at),
    'kept until': localTime(operation.expires_at),
    error: operation.error === null ? null : operation.error.code,
    file: operation.file,
    callback: operation.callback === null ? null : `${operation.callback.state}, ${operation.callback.url}`,
    'rerun of': operation.rerun_of,
    console: consoleLink(url, `operations/${operation.id}`),
  });
  if (operation.result !== null) write(`${cleanLines(JSON.stringify(operation.result, null, 2))}\n`);
}

/** Where the console of a service shows something. */
export function consoleLink(url: string, path: string): string {
  return `${url.replace(/\/+$/, '')}/console/${path}`;
}
