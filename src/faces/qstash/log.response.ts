import { answerOf, type MessageAnswer } from '../../messages/message-answer.js';
import { bodyOf, timeoutOf } from '../../messages/message.js';
import type { HistoryEntryEntity } from '../../operations/operation.entity.js';
import { messageResponse, present, shownBody } from './message.response.js';
import type { FoundMessage } from './messages.js';

/** What a message came to, in QStash's words. */
export const LOG_STATES = [
  ...(['CREATED', 'ACTIVE', 'RETRY', 'ERROR', 'DELIVERED'] as const),
  ...(['FAILED', 'CANCEL_REQUESTED', 'CANCELED'] as const),
];
export type LogState = (typeof LOG_STATES)[number];

/** One thing that happened to a message, with what it is. */
export interface LogResponse {
  readonly time: number;
  readonly state: LogState;
  readonly messageId: string;
  readonly url: string;
  readonly error?: string;
  readonly nextDeliveryTime?: number;
  readonly responseStatus?: number;
  /** By both names that QStash's documentation and clients have for it. */
  readonly responseHeader?: MessageAnswer['header'];
  readonly responseHeaders?: MessageAnswer['header'];
  readonly responseBody?: string;
}

/** Characters of headers that each entry repeats: a message may have thousands of entries. */
const MAX_REPEATED = 4_096;

/** All that happened to a message, oldest first, of the history of its operation. */
export function logsOf(found: FoundMessage, history: readonly HistoryEntryEntity[]): LogResponse[] {
  const { about, headers, body } = partsOf(found);
  const isShort = JSON.stringify(headers).length <= MAX_REPEATED;
  return history.flatMap((entry, index) =>
    statesOf(entry, found, history.length === index + 1).map((told) => ({
      ...about,
      ...(isShort || told.state === 'CREATED' ? headers : {}),
      ...(told.state === 'CREATED' ? body : {}),
      ...told,
      time: entry.createdAt.getTime(),
    })),
  );
}

type Told = Pick<LogResponse, 'state'> & Partial<LogResponse>;

function statesOf({ kind, state, text }: HistoryEntryEntity, found: FoundMessage, isLast: boolean): Told[] {
  if (kind === 'log') return text === 'The caller asked to cancel' ? [{ state: 'CANCEL_REQUESTED' }] : [];
  if (kind !== 'transition') return [];
  switch (state) {
    case 'Executing':
      return [{ state: 'ACTIVE' }];
    case 'Finished':
      return [{ state: 'DELIVERED' }];
    case 'Canceled':
      return [{ state: 'CANCELED' }];
    case 'Failed':
      return [failed(found), { state: 'FAILED' }];
    default:
      return waits(text, isLast ? found.operation.runAt : null);
  }
}

/** `Attempt 2 failed (unsuccessful_status): POST answered 500`; what else sends it back is no attempt that its receiver has seen. */
function waits(text: string, runAt: Date | null): Told[] {
  if (text === 'Accepted') return [{ state: 'CREATED' }];
  const error = /^Attempt \d+ failed \(\w+\): (.*)$/s.exec(text)?.[1];
  const status = /answered (\d{3})$/.exec(error ?? '')?.[1];
  const next = present({ nextDeliveryTime: runAt?.getTime() });
  const retry: Told = { state: 'RETRY', ...next };
  return error === undefined
    ? [retry]
    : [{ state: 'ERROR', error, ...present({ responseStatus: status && Number(status) }) } as Told, retry];
}

function failed({ operation }: FoundMessage): Told {
  const { status, header, body } = answerOf(operation);
  const answered = present({ responseHeader: header, responseHeaders: header, responseBody: body });
  return { state: 'ERROR', error: operation.errorMessage ?? '', responseStatus: status, ...answered };
}

/** What entries say of their message: the names are those of logs, where they differ. */
function partsOf({ operation, message }: FoundMessage) {
  const {
    header,
    body: _,
    bodyBase64: __,
    callbackHeader: callbackHeaders,
    failureCallbackHeader: failureCallbackHeaders,
    notBefore: ___,
    createdAt: ____,
    retryDelayExpression,
    ...shown
  } = messageResponse(operation, message);
  return {
    about: {
      ...{ ...shown, timeout: timeoutOf(message) * 1000 },
      ...present({ retryDelayExpression, retryDelayExpr: retryDelayExpression }),
    },
    headers: { header, ...present({ callbackHeaders, failureCallbackHeaders }) },
    body: present({ body: bodyOf(shownBody(message))?.toString('base64') }),
  };
}
