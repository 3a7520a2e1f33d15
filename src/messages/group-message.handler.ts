import { createHash } from 'node:crypto';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { rideOut } from '../database/ride-out.js';
import type { FieldError } from '../config/validation.js';
import { HttpRequestEgress } from '../egress/egress.module.js';
import { OperationRefusedError, QuotaExceededError } from '../operations/operation.errors.js';
import type { OperationEntity } from '../operations/operation.entity.js';
import { Submissions } from '../operations/accept/submissions.service.js';
import { OperationsService } from '../operations/operations.service.js';
import { OperationError } from '../operations/run/operation-context.js';
import type { RunContext } from '../operations/run/operation-run.js';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../operations/run/operation-type.js';
import { concealMessage, urlFaults } from './message-input.js';
import { type Message, messageId } from './message.js';
import { workOf } from './message-submission.js';
import { type UrlGroupEndpoint, UrlGroupError, UrlGroups } from './url-groups.js';

/** The operation type of what becomes a message to each endpoint of a URL group, once it runs. Its `url` is empty. */
export const GROUP_MESSAGE = 'qstash.group-message';

/** Sends a message to a URL group as it stands when its time has come: what a schedule submits. */
@OperationType<Message>({
  name: GROUP_MESSAGE,
  title: 'Send a message to a URL group',
  internal: true,
  tries: 20,
  backoffS: [1, 5, 30, 60, 300],
  timeoutS: 600,
})
export class GroupMessageHandler implements OperationHandler<Message> {
  constructor(
    private readonly groups: UrlGroups,
    private readonly submissions: Submissions,
    private readonly operations: OperationsService,
    private readonly egress: HttpRequestEgress,
  ) {}

  check({ callback, failureCallback }: Message): FieldError[] {
    return urlFaults(this.egress.policy, {
      callback: callback?.url,
      failureCallback: failureCallback?.url,
    });
  }

  conceal(input: object, bodies: boolean): { shown: object; sealed: object } {
    return concealMessage(input as Message, bodies);
  }

  async run(message: Message, context: RunContext): Promise<OperationOutcome> {
    const patiently = <T>(work: () => Promise<T>): Promise<T> => rideOut(work, () => context.signal.aborted);
    const { operation } = await patiently(() => this.operations.find(context.accountId, context.id));
    const { endpoints } = await patiently(() =>
      this.groups.find(context.accountId, message.topicName!),
    ).catch((error: unknown) => {
      if (error instanceof UrlGroupError) context.fail('no_such_url_group', error.message);
      throw error;
    });
    // Together, so that they share their statements and commits. Whoever runs this again finds those that were accepted.
    const sent = await Promise.all(
      endpoints.map((endpoint) => patiently(() => this.send(message, endpoint, operation, context))),
    );
    const messages = sent.filter((id) => id !== null);
    if (messages.length === 0) context.fail('refused', 'every endpoint of the URL group was refused');
    return { result: { messages }, statusText: `Sent ${messages.length} of ${endpoints.length}` };
  }

  /** The id of the message; null where it is refused. */
  private async send(
    message: Message,
    { name, url }: UrlGroupEndpoint,
    { accountId, rid, scheduleId, tick, traceparent }: OperationEntity,
    context: RunContext,
  ): Promise<string | null> {
    const digest = createHash('sha256').update(url).digest('hex');
    try {
      const { view } = await this.submissions.accept({
        ...workOf({ ...message, url, endpointName: name ?? null }),
        ...{ accountId, traceparent, runAt: null },
        ...(scheduleId === null || tick === null ? {} : { schedule: { id: scheduleId, tick } }),
        idempotency: { key: `part group ${rid} ${digest}`, body: '' },
      });
      return messageId(view.operation.rid);
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) throw error;
      if (error instanceof QuotaExceededError) throw new OperationError(error.code, error.message, true);
      if (!(error instanceof OperationRefusedError)) throw error;
      if (error.retryAfterS !== null) throw new OperationError(error.code, error.message, true);
      context.log(`Refused: ${name ?? digest.slice(0, 8)}: ${error.message}`);
      return null;
    }
  }
}
