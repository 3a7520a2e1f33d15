import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { asBody, type Message, messageId } from '../../messages/message.js';
import { workOf } from '../../messages/message-submission.js';
import { OperationRefusedError } from '../../operations/operation.errors.js';
import { Submissions } from '../../operations/accept/submissions.service.js';
import type { Submission } from '../../operations/accept/submission.js';
import { Lanes } from './lanes.js';
import { Destinations, type Target } from './destinations.js';
import type { FoundMessage } from './messages.js';
import type { Fields } from './fields.js';
import { type Publication, readPublication } from './publication.js';
import { refused } from './refusal.js';
import { answersTo, outcomeOf, type RefusedResponse } from './together.js';

/** Who publishes. */
export interface PublishedBy {
  readonly accountId: string;
  readonly ip: string | null;
  readonly traceparent: string | null;
}

/** What is published, and where to. */
export interface Given {
  readonly destination: string;
  readonly fields: Fields;
  readonly body: Buffer;
  /** Name of the queue that it is to go through; null: none. */
  readonly queue: string | null;
}

/** What is answered for each message. */
export interface PublishResponse {
  readonly messageId: string;
  readonly url: string;
  readonly deduplicated?: true;
}

/** What a publish is answered: a list where its destination is a URL group, of which some endpoints may be refused. */
export type Published =
  PublishResponse | (PublishResponse | (RefusedResponse & Pick<PublishResponse, 'url'>))[];

/** For so long what has the same id, or content, is the same message, seconds. */
const DEDUPLICATED_S = 600;

/** Makes messages of what is published. */
@Injectable()
export class Publisher {
  constructor(
    private readonly destinations: Destinations,
    private readonly lanes: Lanes,
    private readonly submissions: Submissions,
  ) {}

  /** Accepts a message for each place that the destination stands for; fails where none is accepted. */
  async publish(by: PublishedBy, given: Given): Promise<Published> {
    if (given.fields.has('upstash-cron'))
      throw refused('Upstash-Cron', 'makes a schedule: POST it to /v2/schedules/<destination>');
    const publication = readPublication(given.fields);
    const { isGroup, targets } = await this.destinations.of(by.accountId, given.destination);
    this.lanes.check(given.queue, publication);
    await this.lanes.open(by.accountId, given.queue);
    const send = async (target: Target): Promise<PublishResponse> =>
      this.accept(submissionOf(by, publication, target, given), target);
    if (!isGroup) return send(targets[0]!);
    const outcomes = await Promise.all(targets.map((target) => outcomeOf(send(target))));
    return answersTo(outcomes, { asOne: true }).map((answer, at) =>
      'error' in answer ? { url: targets[at]!.url, ...answer } : answer,
    );
  }

  /** Accepts once more a message that failed, as it was but for what the fields say; once, however often it is asked for. */
  async again(
    by: PublishedBy,
    { operation, message }: FoundMessage,
    fields: Fields,
  ): Promise<PublishResponse> {
    const { accountId, traceparent } = by;
    const { changes, runAt } = changesOf(fields);
    const input: Message = { ...message, ...changes, headers: { ...message.headers, ...changes.headers } };
    return this.accept(
      {
        ...{ ...workOf(input), accountId, traceparent, runAt },
        ...{ retention: operation.retention, rerunOf: operation.rid },
        idempotency: { key: `part message again ${operation.rid}`, body: '' },
      },
      input,
    );
  }

  private async accept(submission: Submission, { url }: Pick<Target, 'url'>): Promise<PublishResponse> {
    const { view, replayed } = await this.submissions.accept(submission).catch(inTheirWords);
    const answer = { messageId: messageId(view.operation.rid), url };
    return replayed ? { ...answer, deduplicated: true } : answer;
  }
}

/** What the engine calls what it refuses, as callers of this face know it. */
const NAMES: Readonly<Record<string, string>> = {
  'input.url': 'destination',
  'input.callback': 'Upstash-Callback',
  'input.failureCallback': 'Upstash-Failure-Callback',
  run_at: 'Upstash-Delay, or Upstash-Not-Before,',
};

function inTheirWords(error: unknown): never {
  if (!(error instanceof OperationRefusedError)) throw error;
  const errors = error.errors.map(({ path, message }) => ({ path: NAMES[path] ?? path, message }));
  throw new OperationRefusedError(error.code, errors, error.retryAfterS);
}

/** A message as the engine takes it. */
export function submissionOf(
  { accountId, ip, traceparent }: PublishedBy,
  publication: Publication,
  target: Target,
  { body, queue }: Pick<Given, 'body' | 'queue'>,
): Submission {
  const { delayS, notBefore, deduplication } = publication;
  const message = messageOf(ip, publication, target, { body, queue });
  return {
    ...{ ...workOf(message), accountId, traceparent, runAt: startOf(delayS, notBefore) },
    idempotency: deduplication === null ? null : onceOf(deduplication, message, body),
  };
}

/** What is sent. */
export function messageOf(
  ip: PublishedBy['ip'],
  publication: Publication,
  target: Target,
  { body, queue }: Pick<Given, 'body' | 'queue'>,
): Message {
  const { delayS: _, notBefore: _at, deduplication: _once, ...sending } = publication;
  return {
    ...sending,
    ...target,
    ...asBody(body),
    ...{ queueName: queue, scheduleId: null, callerIp: ip },
  };
}

/** What header fields say otherwise than a message that there is: only what they name. */
function changesOf(fields: Fields): { changes: Partial<Message>; runAt: Date | null } {
  const { delayS, notBefore, deduplication: _, headers, ...given } = readPublication(fields);
  const named: Readonly<Record<string, keyof typeof given>> = {
    'upstash-method': 'method',
    'upstash-retries': 'retries',
    'upstash-retry-delay': 'retryDelay',
    'upstash-timeout': 'timeoutS',
    'upstash-label': 'labels',
    'upstash-flow-control-key': 'flow',
    'upstash-redact-fields': 'redact',
    'upstash-callback': 'callback',
    'upstash-failure-callback': 'failureCallback',
  };
  const changes = Object.entries(named).flatMap(([field, member]) =>
    fields.has(field) ? [[member, given[member]] as const] : [],
  );
  const { 'Content-Type': __, ...forwarded } = headers;
  return {
    changes: { ...Object.fromEntries(changes), headers: forwarded },
    runAt: startOf(delayS, notBefore),
  };
}

/** Null: at once, as what should have begun before. */
function startOf(delayS: number | null, notBefore: Date | null): Date | null {
  const at = notBefore?.getTime() ?? Date.now() + (delayS ?? 0) * 1000;
  return at > Date.now() ? new Date(at) : null;
}

/** Each place that a URL group stands for has messages of its own; a key of a caller of another face is none of these. */
function onceOf(
  deduplication: NonNullable<Publication['deduplication']>,
  { url, headers, topicName, queueName }: Message,
  body: Buffer,
): NonNullable<Submission['idempotency']> {
  const named = deduplication === 'content' ? null : deduplication.id;
  const digest = createHash('sha256').update(JSON.stringify([named, topicName === null ? null : url]));
  if (named === null) digest.update(JSON.stringify([url, queueName, headers])).update(body);
  return { key: `part message sha256:${digest.digest('hex')}`, body: '', keptS: DEDUPLICATED_S };
}
