import { createHash } from 'node:crypto';
import type { MessageAnswer } from '../../messages/message-answer.js';
import { listsOf } from '../../messages/message-callbacks.js';
import { shownUrl } from '../../messages/message-input.js';
import { asBody, bodyOf, type Message, messageId, retriesOf, type Sending } from '../../messages/message.js';
import type { OperationEntity } from '../../operations/operation.entity.js';

type Lists = Readonly<Record<string, readonly string[]>>;

/** A message as QStash's API shows it; what its publisher wanted redacted is a digest. What it hasn't got isn't there. */
export interface MessageResponse {
  readonly messageId: string;
  readonly url: string;
  readonly method: string;
  readonly header: Lists;
  readonly body?: string;
  readonly bodyBase64?: string;
  readonly maxRetries: number;
  /** Milliseconds since 1970, as all times. */
  readonly notBefore: number;
  readonly createdAt: number;
  readonly topicName?: string;
  readonly endpointName?: string;
  readonly queueName?: string;
  readonly scheduleId?: string;
  readonly callerIP?: string;
  readonly callback?: string;
  readonly callbackHeader?: Lists;
  readonly failureCallback?: string;
  readonly failureCallbackHeader?: Lists;
  readonly retryDelayExpression?: string;
  readonly flowControlKey?: string;
  readonly parallelism?: number;
  readonly rate?: number;
  readonly period?: number;
  readonly label?: string;
  readonly labels?: readonly string[];
}

/** A message that failed, with the answer that its last attempt had. */
export interface DlqMessageResponse extends MessageResponse {
  readonly dlqId: string;
  readonly responseStatus: number;
  readonly responseHeader: Lists;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
}

export function messageResponse(operation: OperationEntity, message: Message): MessageResponse {
  const createdAt = operation.createdAt.getTime();
  return {
    messageId: messageId(operation.rid),
    ...{ url: message.url, method: message.method, header: shownHeaders(message) },
    ...shownBody(message),
    ...{ maxRetries: retriesOf(message), notBefore: operation.runAt?.getTime() ?? createdAt, createdAt },
    ...shownSending(message),
  };
}

/** How a message is sent, and where it comes from: what is shown alike of it and of a schedule that makes such. */
export function shownSending(message: Message) {
  const { callback, failureCallback, flow, labels } = message;
  return present({
    topicName: message.topicName,
    endpointName: message.endpointName,
    queueName: message.queueName,
    scheduleId: message.scheduleId,
    callerIP: message.callerIp,
    callback: callback?.url,
    callbackHeader: callback && shownHeaders(callback),
    failureCallback: failureCallback?.url,
    failureCallbackHeader: failureCallback && shownHeaders(failureCallback),
    retryDelayExpression: message.retryDelay,
    flowControlKey: flow?.key,
    parallelism: flow?.parallelism,
    rate: flow?.rate,
    period: flow && (flow.periodS ?? 1),
    label: labels[0],
    labels: labels.length === 0 ? null : labels,
  });
}

export function dlqMessageResponse(
  operation: OperationEntity,
  message: Message,
  { status, header = {}, body = '' }: MessageAnswer,
): DlqMessageResponse {
  const { body: text, bodyBase64 } = asBody(Buffer.from(body, 'base64'));
  return {
    ...messageResponse(operation, message),
    ...{ dlqId: `dlq_${operation.rid}`, responseStatus: status, responseHeader: header },
    ...present({ responseBody: text, responseBodyBase64: bodyBase64 }),
  };
}

/** A message as who asks may see it: what it holds may be secret to all but who may publish (`whole`). */
export function seenBy(whole: boolean, message: Message): Message {
  if (whole) return message;
  const { callback, failureCallback } = message;
  return {
    ...concealed(message),
    callback: callback && concealed(callback),
    failureCallback: failureCallback && concealed(failureCallback),
  };
}

/** Digests stand for its body and its headers, and its URL has no query. */
function concealed<T extends Sending>(sending: T): T {
  return { ...sending, url: shownUrl(sending.url), redact: { body: true, headers: true } };
}

/** The headers that it is sent with. */
export function shownHeaders({ headers, redact }: Pick<Sending, 'headers' | 'redact'>): Lists {
  const hidden = redact?.headers ?? [];
  return listsOf(
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        hidden === true || hidden.includes(name) ? redacted(value) : value,
      ]),
    ),
  );
}

/** Its body, or the digest of that. */
export function shownBody(message: Message): Pick<Message, 'body' | 'bodyBase64'> {
  const { body, bodyBase64, redact } = message;
  const bytes = bodyOf(message);
  if (redact?.body && bytes !== null) return { body: redacted(bytes) };
  return { ...present({ body, bodyBase64 }) };
}

function redacted(value: string | Buffer): string {
  return `REDACTED:${createHash('sha256').update(value).digest('hex')}`;
}

/** The members that have a value. */
export function present<T extends object>(members: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== null && value !== undefined),
  ) as never;
}
