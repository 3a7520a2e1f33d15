import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { randomId } from '../database/random-id.js';
import { SealedInputs } from '../operations/accept/sealed-inputs.js';
import { FollowUps } from '../operations/end/follow-ups.js';
import type { OperationEntity } from '../operations/operation.entity.js';
import { type NewOperation, ownRow } from '../operations/operation-rows.js';
import { storable } from '../operations/run/operation-run.js';
import { OperationTypes } from '../operations/run/operation-types.js';
import { SecretBoxError } from '../signing/secret-box.js';
import { GROUP_MESSAGE } from './group-message.handler.js';
import { answerOf, type MessageAnswer } from './message-answer.js';
import { bodyOf, MESSAGE, type Message, type MessageCallback, messageId, retriesOf } from './message.js';
import { workOf } from './message-submission.js';

/** Which end, or attempt, a callback tells of. */
type Told = Pick<OperationEntity, 'rid' | 'createdAt' | 'runAt'>;

/** Makes of the end of a message the messages that tell it: accepted in the commit that ends it, and delivered as any other. */
@Injectable()
export class MessageCallbacks implements OnModuleInit {
  private readonly logger = new Logger('Messages');

  constructor(
    private readonly followUps: FollowUps,
    private readonly types: OperationTypes,
    private readonly inputs: SealedInputs,
  ) {}

  onModuleInit(): void {
    this.followUps.register(MESSAGE, (ended) => this.of(ended));
    // Else the messages that it became tell their ends.
    this.followUps.register(GROUP_MESSAGE, (ended) => (ended.state === 'Failed' ? this.of(ended) : []));
  }

  private of(ended: OperationEntity): NewOperation[] {
    if (ended.state === 'Canceled' || ended.input === null) return [];
    const message = this.open(ended);
    if (message === null) return [];
    const failed = ended.state === 'Failed';
    const answer = answerOf(ended);
    const callbacks = [message.callback, failed ? message.failureCallback : null];
    const isDead = failed && ended.type === MESSAGE;
    const body = callbackBody(ended, message, answer, isDead ? { dlqId: `dlq_${ended.rid}` } : {});
    return callbacks.flatMap((callback) =>
      callback === null ? [] : [this.row(ended, callbackMessage(ended, message, callback, body), callback)],
    );
  }

  /** Null where it doesn't open: nobody knows then whom to tell, and a message that couldn't end would hold its slot for good. */
  private open(ended: OperationEntity): Message | null {
    try {
      return this.inputs.open(ended) as Message;
    } catch (error) {
      if (!(error instanceof SecretBoxError)) throw error;
      this.logger.error(`message ${messageId(ended.rid)} ends without its callbacks: ${error.message}`);
      return null;
    }
  }

  private row(ended: OperationEntity, message: Message, { delayS }: MessageCallback): NewOperation {
    const type = this.types.get(MESSAGE)!;
    const { accountId, retention, traceparent, finishedAt } = ended;
    const { face, correlation, flow = null } = workOf(message);
    const rid = randomId();
    return ownRow({
      ...{ rid, accountId, retention, traceparent, face, type: MESSAGE, correlation, flow },
      input: this.inputs.seal(type, { accountId, rid }, JSON.stringify(message)),
      tries: type.tries(message),
      timeoutS: type.timeoutS(message),
      runAt: delayS === null ? null : new Date(finishedAt!.getTime() + delayS * 1000),
    });
  }
}

/** The message that tells of another one. */
export function callbackMessage(
  { rid }: Pick<OperationEntity, 'rid'>,
  message: Message,
  callback: MessageCallback,
  body: string,
): Message {
  const { url, method, headers, retries, retryDelay, timeoutS } = callback;
  const { callerIp, scheduleId } = message;
  // Its body repeats what is to be hidden of the message.
  const redact = message.redact === null ? callback.redact : { headers: [], ...callback.redact, body: true };
  return {
    ...{ url, method, headers, retryDelay, timeoutS, redact, body },
    // Columns of their own hold them: the end of the message would fail with what PostgreSQL can't hold.
    labels: callback.labels.map((label) => storable(label)),
    flow: callback.flow && { ...callback.flow, key: storable(callback.flow.key) },
    retries: retries ?? retriesOf(message),
    ...{ callback: null, failureCallback: null, topicName: null, endpointName: null, queueName: null },
    ...{ callerIp, scheduleId, sourceMessageId: messageId(rid) },
  };
}

/** What a callback is told, in QStash's words. */
export function callbackBody(
  told: Told,
  message: Message,
  { status, retried, header = {}, body = '' }: MessageAnswer,
  more: { readonly dlqId?: string },
): string {
  const sourceBody = bodyOf(message)?.toString('base64') ?? '';
  const { url, method, topicName, endpointName, queueName, scheduleId, callerIp } = message;
  const createdAt = told.createdAt.getTime();
  return JSON.stringify({
    ...{ status, header, body, retried, maxRetries: retriesOf(message), ...more },
    ...{ sourceMessageId: messageId(told.rid), url, method, sourceBody },
    sourceHeader: listsOf(message.headers),
    notBefore: told.runAt?.getTime() ?? createdAt,
    createdAt,
    ...Object.fromEntries(
      Object.entries({ topicName, endpointName, queueName, scheduleId }).filter(
        ([, value]) => value !== null,
      ),
    ),
    ...(callerIp === null ? {} : { callerIP: callerIp }),
  });
}

/** Each header with the list of its values, of which a message has one. */
export function listsOf(headers: Readonly<Record<string, string>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
}
