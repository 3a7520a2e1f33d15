import type { Submission } from '../../operations/operations.service.js';
import { dateOf, type SubmitOperationRequest } from './operation.request.js';

/** A native request as the core takes it. */
export function toSubmission(
  accountId: string,
  request: SubmitOperationRequest,
  idempotency: Submission['idempotency'],
  traceparent: string | null = null,
): Submission {
  const { callback } = request;
  return {
    accountId,
    face: 'native',
    type: request.type,
    input: request.input,
    callback: callback ? { url: callback.url, headers: callback.headers ?? [] } : null,
    correlation: request.correlation ?? null,
    priority: request.priority ?? 0,
    runAt: dateOf(request.run_at) ?? null,
    timeoutS: request.timeout_s ?? null,
    retention: request.retention ?? null,
    ackByPoll: request.ack_by_poll ?? null,
    idempotency,
    traceparent,
  };
}
