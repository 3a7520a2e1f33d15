import { rideOut } from '../database/ride-out.js';
import { EgressConfig } from '../config/config.js';
import type { FieldError } from '../config/validation.js';
import { HttpRequestEgress } from '../egress/egress.module.js';
import type { EgressRequest, EgressResponse } from '../egress/egress.js';
import { FlowStore } from '../operations/flow/flow.store.js';
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
import { StartOver } from '../operations/run/start-over.js';
import { transportFault } from '../operations/types/kept-response.js';
import { AttemptCallbacks } from './attempt-callbacks.js';
import { headerValue } from './forwarded-headers.js';
import { concealMessage, urlFaults } from './message-input.js';
import { headerLists, type MessageAnswer } from './message-answer.js';
import { bodyOf, MESSAGE, type Message, messageId, retriesOf, timeoutOf } from './message.js';
import { messageSignature } from './message-signature.js';
import { MessageKeyStore } from './message-keys.store.js';
import { messageDelayS } from './retry-delay.js';

/** Workers that a message may outlive besides its attempts: a worker that dies uses up no retry. */
const MAX_DEATHS = 25;
/** What a run may take besides its request, seconds. */
const MARGIN_S = 60;
const MAX_TIMEOUT_S = 86_400 + MARGIN_S;
/** Bytes of an answer's body that are kept: a callback repeats them. */
const MAX_KEPT = 512 * 1024;
/** How long a run waits for a place at its receiver's with its slot, milliseconds; and without it, seconds at the most. */
const PLACE_MS = 300;
const MAX_PLACE_S = 30;
/** With the header below, the receiver's word that no retry makes sense. */
const NON_RETRYABLE = 489;

const DISABLED =
  'messages are disabled here: have the operator name the hosts that may be called in RINGBACK_HTTP_HOSTS, or * for any public one';

/** Makes the request of a message: once a run, as signed as QStash's. What isn't answered 2xx is made again when its time has come. */
@OperationType<Message>({
  name: MESSAGE,
  title: 'Deliver a message',
  internal: true,
  slotless: true,
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
    private readonly callbacks: AttemptCallbacks,
    private readonly flows: FlowStore,
    config: EgressConfig,
  ) {
    this.disabled = config.httpHosts === null ? DISABLED : null;
  }

  calls({ url, callback, failureCallback }: Message): string[] {
    return [url, ...[callback, failureCallback].flatMap((given) => (given === null ? [] : [given.url]))];
  }

  check({ url, callback, failureCallback }: Message): FieldError[] {
    const urls = { url, callback: callback?.url, failureCallback: failureCallback?.url };
    return urlFaults(this.egress.policy, urls);
  }

  conceal(input: object, bodies: boolean): { shown: object; sealed: object } {
    return concealMessage(input as Message, bodies);
  }

  async run(message: Message, context: RunContext): Promise<OperationOutcome> {
    const { retried, waits } = progressOf(context.checkpoint);
    const { origin } = new URL(message.url);
    // Who waits for a receiver that hangs gives its slot up: messages to others go on.
    if (!(await this.places.takeSoon(origin, context, PLACE_MS)))
      return context.goOn(placeDelayS(waits), checkpoint({ retried, waits: waits + 1 }));
    let isProven = false;
    try {
      // It was started long ago: what its receiver sees is to be within the rate of its key, and no message begins while that is paused.
      if (waits > 0 && (await this.isTimed(message, context)))
        return new StartOver(
          checkpoint({ retried, waits: 0 }),
          'Its receiver has a place; waiting for its flow key',
        );
      const response = await this.send(message, retried, context);
      isProven = response.status >= 200 && response.status <= 299;
      const answer = await answerTo(message, response, retried);
      if (!isProven) throw unsuccessful(message, response, answer, context);
      return { result: answer, statusText: `${message.method} answered ${response.status}` };
    } catch (error) {
      if (error instanceof AttemptFailed && error.again !== null && !context.signal.aborted)
        await this.callbacks.tell(message, error.told as MessageAnswer, context);
      throw error;
    } finally {
      // In an outage the end of the run's lease gives it back.
      await this.places.giveBack(origin, context, isProven).catch(() => undefined);
    }
  }

  private async isTimed({ flow, queueName }: Message, { requestId, signal }: RunContext): Promise<boolean> {
    if (flow === null && queueName === null) return false;
    return rideOut(
      () => this.flows.timesStarts(requestId),
      () => signal.aborted,
    );
  }

  /** Its faults are failed attempts, but for those of our own. */
  private async send(message: Message, retried: number, context: RunContext): Promise<EgressResponse> {
    try {
      return await this.egress.request(await this.request(message, retried, context));
    } catch (error) {
      if (context.signal.aborted) throw error;
      throw ownFault(error) ?? unanswered(message, retried, error, context);
    }
  }

  private async request(
    message: Message,
    retried: number,
    context: RunContext,
  ): Promise<EgressRequest & { maxResponseBytes: number }> {
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
    return {
      url: message.url,
      method: message.method,
      headers: {
        'User-Agent': 'Upstash-QStash',
        ...(context.traceparent === null ? {} : { Traceparent: context.traceparent }),
        ...message.headers,
        ...Object.fromEntries(told.map(([name, value]) => [name, headerValue(value)])),
      },
      body: body ?? undefined,
      timeoutMs: timeoutOf(message) * 1000,
      signal: context.signal,
      maxResponseBytes: Infinity,
    };
  }
}

function unsuccessful(
  message: Message,
  { status, headers }: EgressResponse,
  answer: MessageAnswer,
  context: RunContext,
): AttemptFailed {
  const word = String(headers['upstash-nonretryable-error']).toLowerCase();
  const isFinal = status === NON_RETRYABLE && word === 'true';
  const next = isFinal ? null : again(message, answer, headers, context);
  return new AttemptFailed('unsuccessful_status', `${message.method} answered ${status}`, answer, next);
}

/** An attempt without an answer. */
function unanswered(message: Message, retried: number, error: unknown, context: RunContext): AttemptFailed {
  const { code, message: text, retry, cause } = transportFault(error);
  const answer = { status: 0, retried, header: {}, body: Buffer.from(text).toString('base64') };
  const failed = new AttemptFailed(code, text, answer, retry ? again(message, answer, null, context) : null);
  failed.cause = cause;
  return failed;
}

/** How far a message has come: its retries so far, and how often it has waited in vain for a place at its receiver's since. */
interface Progress {
  readonly retried: number;
  readonly waits: number;
}

function checkpoint(progress: Progress): string {
  return JSON.stringify(progress);
}

function progressOf(text: string | null): Progress {
  return text === null ? { retried: 0, waits: 0 } : (JSON.parse(text) as Progress);
}

/** Not all at once: many may wait for one receiver. */
function placeDelayS(waits: number): number {
  return Math.min(MAX_PLACE_S, 2 ** waits) * (0.5 + Math.random() / 2);
}

/** The next attempt; null where the retries are used up. */
function again(
  message: Message,
  { retried }: MessageAnswer,
  headers: EgressResponse['headers'] | null,
  context: RunContext,
): AttemptFailed['again'] {
  if (retried >= retriesOf(message)) return null;
  const { retryDelay: expression } = message;
  const delayS = messageDelayS({ retried, expression, headers, now: context.now() });
  return { delayS, checkpoint: checkpoint({ retried: retried + 1, waits: 0 }) };
}

/** What of an answer is kept; where it is a success that nobody is told of, its status alone. */
async function answerTo(
  { callback }: Message,
  { status, headers, body: stream }: EgressResponse,
  retried: number,
): Promise<MessageAnswer> {
  if (status >= 200 && status <= 299 && callback === null) {
    stream.destroy();
    return { status, retried };
  }
  // What breaks off in its body has been answered all the same.
  const { start, stream: rest } = await peek(stream, MAX_KEPT).catch(() => ({
    start: Buffer.alloc(0),
    stream,
  }));
  rest.destroy();
  stream.destroy();
  const body = start.subarray(0, MAX_KEPT).toString('base64');
  return { status, retried, header: headerLists(headers), body };
}
