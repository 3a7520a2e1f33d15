import { rideOut } from '../database/ride-out.js';
import { EgressConfig } from '../config/config.js';
import type { FieldError } from '../config/validation.js';
import { HttpRequestEgress } from '../egress/egress.module.js';
import type { EgressResponse } from '../egress/egress.js';
import { peek } from '../operations/poll/peek.js';
import { AttemptFailed } from '../operations/run/attempt-failed.js';
import type { RunContext } from '../operations/run/operation-run.js';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../operations/run/operation-type.js';
import { OriginCalls } from '../operations/run/origin-calls.store.js';
import { ownFault } from '../operations/run/own-fault.js';
import { transportFault } from '../operations/types/kept-response.js';
import { shownUrl } from '../signing/sealed-destination.js';
import { headerLists, type MessageAnswer } from './message-answer.js';
import { bodyOf, MESSAGE, type Message, messageId, retriesOf, timeoutOf } from './message.js';
import { messageSignature } from './message-signature.js';
import { MessageKeyStore } from './message-keys.store.js';
import { messageDelayS } from './retry-delay.js';

/** Workers that a message may outlive besides its attempts: a worker that dies uses up no retry. */
const MAX_DEATHS = 25;
/** What a run may take besides its request, seconds: it may have to wait for a place at the receiver's. */
const MARGIN_S = 600;
const MAX_TIMEOUT_S = 86_400 + MARGIN_S;
/** Bytes of an answer's body that are kept: a callback repeats them. */
const MAX_KEPT = 512 * 1024;
/** With the header below, the receiver's word that no retry makes sense. */
const NON_RETRYABLE = 489;

const DISABLED =
  'messages are disabled here: have the operator name the hosts that may be called in RINGBACK_HTTP_HOSTS, or * for any public one';

/** Makes the request of a message: once a run, as signed as QStash's. What isn't answered 2xx is made again when its time has come. */
@OperationType<Message>({
  name: MESSAGE,
  title: 'Deliver a message',
  internal: true,
  tries: (message) => retriesOf(message) + 1 + MAX_DEATHS,
  timeoutS: (message) => timeoutOf(message) + MARGIN_S,
  maxTimeoutS: MAX_TIMEOUT_S,
})
export class MessageHandler implements OperationHandler<Message> {
  readonly disabled: string | null;

  constructor(
    private readonly egress: HttpRequestEgress,
    private readonly places: OriginCalls,
    private readonly keys: MessageKeyStore,
    config: EgressConfig,
  ) {
    this.disabled = config.httpHosts === null ? DISABLED : null;
  }

  calls({ url, callback, failureCallback }: Message): string[] {
    return [url, ...[callback, failureCallback].flatMap((given) => (given === null ? [] : [given.url]))];
  }

  check({ url, callback, failureCallback }: Message): FieldError[] {
    const urls = { url, callback: callback?.url, failureCallback: failureCallback?.url };
    return Object.entries(urls).flatMap(([name, given]) => {
      const checked = given === undefined ? null : this.egress.policy.check(given);
      return checked === null || checked.accepted ? [] : [{ path: `input.${name}`, message: checked.reason }];
    });
  }

  /** Queries and headers often hold a token. */
  conceal(input: object, bodies: boolean): { shown: object; sealed: object } {
    const { url, headers, body, bodyBase64, callback, failureCallback, ...shown } = input as Message;
    const isSealed = bodies || shown.redact?.body === true;
    const content = JSON.parse(JSON.stringify({ body, bodyBase64 })) as object;
    return {
      shown: { ...shown, url: shownUrl(url), ...(isSealed ? {} : content) },
      sealed: { url, headers, callback, failureCallback, ...(isSealed ? content : {}) },
    };
  }

  async run(message: Message, context: RunContext): Promise<OperationOutcome> {
    const retried = context.checkpoint === null ? 0 : Number(context.checkpoint);
    const { origin } = new URL(message.url);
    await this.places.take(origin, context);
    let isProven = false;
    try {
      const response = await this.send(message, retried, context);
      isProven = response.status >= 200 && response.status <= 299;
      if (isProven && message.callback === null) response.body.destroy();
      const answer =
        isProven && message.callback === null
          ? { status: response.status, retried }
          : await kept(response, retried);
      if (isProven) return { result: answer, statusText: `${message.method} answered ${response.status}` };
      throw this.unsuccessful(message, response, answer, context.now());
    } catch (error) {
      if (context.signal.aborted || error instanceof AttemptFailed) throw error;
      throw ownFault(error) ?? this.unanswered(message, retried, error, context.now());
    } finally {
      // In an outage the end of the run's lease gives it back.
      await this.places.giveBack(origin, context, isProven).catch(() => undefined);
    }
  }

  private async send(message: Message, retried: number, context: RunContext): Promise<EgressResponse> {
    const isOver = (): boolean => context.signal.aborted;
    const { current } = await rideOut(() => this.keys.of(context.accountId), isOver);
    const body = bodyOf(message);
    const own = {
      'Upstash-Message-Id': messageId(context.id),
      'Upstash-Retried': String(retried),
      'Upstash-Signature': messageSignature(current, message.url, body, context.now()),
      'Upstash-Caller-Ip': message.callerIp,
      'Upstash-Schedule-Id': message.scheduleId,
      'Upstash-Topic-Name': message.topicName,
      'Upstash-Endpoint-Name': message.endpointName,
      'Upstash-Queue-Name': message.queueName,
      'Upstash-Source-Message-Id': message.sourceMessageId ?? null,
    };
    const told = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== null);
    return this.egress.request({
      url: message.url,
      method: message.method,
      headers: {
        'User-Agent': 'Upstash-QStash',
        ...(context.traceparent === null ? {} : { Traceparent: context.traceparent }),
        ...message.headers,
        ...Object.fromEntries(told),
      },
      body: body ?? undefined,
      timeoutMs: timeoutOf(message) * 1000,
      signal: context.signal,
      maxResponseBytes: Infinity,
    });
  }

  private unsuccessful(
    message: Message,
    { status, headers }: EgressResponse,
    answer: MessageAnswer,
    now: Date,
  ): AttemptFailed {
    const isFinal =
      status === NON_RETRYABLE && String(headers['upstash-nonretryable-error']).toLowerCase() === 'true';
    const delayS = messageDelayS({ retried: answer.retried, expression: message.retryDelay, headers, now });
    const text = `${message.method} answered ${status}`;
    return new AttemptFailed(
      'unsuccessful_status',
      text,
      answer,
      isFinal ? null : again(message, answer, delayS),
    );
  }

  private unanswered(message: Message, retried: number, error: unknown, now: Date): AttemptFailed {
    const fault = transportFault(error);
    const body = Buffer.from(fault.message).toString('base64');
    const answer = { status: 0, retried, header: {}, body };
    const delayS = messageDelayS({ retried, expression: message.retryDelay, headers: null, now });
    const failed = new AttemptFailed(
      fault.code,
      fault.message,
      answer,
      fault.retry ? again(message, answer, delayS) : null,
    );
    failed.cause = fault.cause;
    return failed;
  }
}

/** The next attempt; null where the retries are used up. */
function again(message: Message, { retried }: MessageAnswer, delayS: number): AttemptFailed['again'] {
  return retried >= retriesOf(message) ? null : { delayS, checkpoint: String(retried + 1) };
}

/** The answer with the beginning of its body; what breaks off there has been answered all the same. */
async function kept(
  { status, headers, body: stream }: EgressResponse,
  retried: number,
): Promise<MessageAnswer> {
  const { start, stream: rest } = await peek(stream, MAX_KEPT).catch(() => ({
    start: Buffer.alloc(0),
    stream,
  }));
  rest.destroy();
  stream.destroy();
  return {
    status,
    retried,
    header: headerLists(headers),
    body: start.subarray(0, MAX_KEPT).toString('base64'),
  };
}
