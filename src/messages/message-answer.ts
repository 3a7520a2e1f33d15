import type { IncomingHttpHeaders } from 'node:http';
import type { OperationEntity } from '../operations/operation.entity.js';
import { headerName } from './message.js';

/** What the last attempt of a message was answered with: the result of its operation. */
export interface MessageAnswer {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** How often the message had been retried before that attempt. */
  readonly retried: number;
  readonly header?: Readonly<Record<string, readonly string[]>>;
  /** The bytes of the body, or of their beginning, in base64. */
  readonly body?: string;
}

/** What a message ended with; without an answer, its operation's error stands for one. */
export function answerOf({
  result,
  errorMessage,
  attempt,
}: Pick<OperationEntity, 'result' | 'errorMessage' | 'attempt'>): MessageAnswer {
  if (result !== null) return JSON.parse(result) as MessageAnswer;
  const body = Buffer.from(errorMessage ?? '').toString('base64');
  return { status: 0, retried: Math.max(0, attempt - 1), header: {}, body };
}

/** Headers of an answer as QStash's API has them. */
export function headerLists(headers: IncomingHttpHeaders): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[headerName(name), [value].flat()]],
    ),
  );
}
