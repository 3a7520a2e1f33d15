import { createHash } from 'node:crypto';
import { checkJsonShape } from '../../http/json-shape.js';
import { Problem } from '../../http/problem.js';
import { RequestValidationPipe } from '../../http/validation.pipe.js';
import { dateOf } from '../../http/instant.js';
import type { RerunChanges } from '../../operations/accept/submissions.service.js';
import type { Submission } from '../../operations/accept/submission.js';
import { toFlow } from './flow.request.js';
import { RerunOperationRequest, SubmitOperationRequest } from './operation.request.js';

const validation = new RequestValidationPipe();

/** A body that neither the HTTP server nor a pipe has judged, as the core takes it; a `Problem` when it is none. */
export async function readSubmission(
  accountId: string,
  body: unknown,
  idempotency: Submission['idempotency'],
  traceparent: string | null,
): Promise<Submission> {
  checkJsonShape(body);
  const metadata = { type: 'body', metatype: SubmitOperationRequest } as const;
  const request = (await validation.transform(body, metadata)) as SubmitOperationRequest;
  return toSubmission(accountId, request, idempotency, traceparent);
}

/** The same of what a rerun changes. */
export async function readChanges(body: unknown): Promise<RerunChanges> {
  checkJsonShape(body);
  const metadata = { type: 'body', metatype: RerunOperationRequest } as const;
  return toChanges((await validation.transform(body, metadata)) as RerunOperationRequest);
}

/** A native request as the core takes it. */
export function toSubmission(
  accountId: string,
  request: SubmitOperationRequest,
  idempotency: Submission['idempotency'],
  traceparent: string | null,
): Submission {
  return {
    accountId,
    face: 'native',
    type: request.type,
    input: request.input,
    callback: toCallback(request.callback),
    correlation: request.correlation ?? null,
    priority: request.priority ?? 0,
    runAt: dateOf(request.run_at) ?? null,
    timeoutS: request.timeout_s ?? null,
    retention: request.retention ?? null,
    ackByPoll: request.ack_by_poll ?? null,
    flow: request.flow ? toFlow(request.flow) : null,
    idempotency,
    traceparent,
  };
}

/** What a rerun changes; what isn't given isn't there. */
export function toChanges({ input, callback }: RerunOperationRequest): RerunChanges {
  return {
    ...(input === undefined ? {} : { input }),
    ...(callback === undefined ? {} : { callback: toCallback(callback) }),
  };
}

function toCallback(callback: SubmitOperationRequest['callback']): Submission['callback'] {
  return callback
    ? { url: callback.url, headers: callback.headers ?? [], thinOver: callback.thin_over ?? null }
    : null;
}

/** A caller's key with the text that it stands for. */
export function toIdempotency(key: string | undefined, body: () => string): Submission['idempotency'] {
  if (key === undefined) return null;
  if (key.length >= 1 && key.length <= 255) return { key, body: body() };
  const message = 'must have 1 to 255 characters';
  throw new Problem(422, 'invalid-request', `Idempotency-Key ${message}`, {
    errors: [{ path: 'Idempotency-Key', message }],
  });
}

/** The same for the rerun of an operation; `changes` are its body. */
export function toRerunIdempotency(
  key: string | undefined,
  id: string,
  changes: object = {},
): Submission['idempotency'] {
  return toPartIdempotency(key, `rerun ${id}`, () => JSON.stringify(changes));
}

/**
 * The same for a part of what a caller's key stands for: an item of a batch, the rerun of one operation. Parts have keys of
 * their own, which are like no key that a caller gives.
 */
export function toPartIdempotency(
  key: string | undefined,
  part: string,
  body: () => string,
): Submission['idempotency'] {
  const whole = toIdempotency(key, body);
  if (whole === null) return null;
  const digest = createHash('sha256').update(`${part} ${whole.key}`).digest('hex');
  return { ...whole, key: `part sha256:${digest}` };
}
