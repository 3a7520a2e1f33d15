import { DeclarationConflictError } from '../operations/declared/declarations.service.js';
import { LeaseLostError, LeaseNotFoundError } from '../operations/work/work.service.js';
import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Logger,
  NotFoundException,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountDisabledError } from '../accounts/account.errors.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import {
  EndpointNotFoundError,
  EndpointRefusedError,
  RecoveryEndedError,
  RecoveryNotFoundError,
} from '../endpoints/endpoint.errors.js';
import { FlowNotFoundError, TooManyFlowsError } from '../operations/flow/flow.errors.js';
import { ScheduleNotFoundError, ScheduleRefusedError } from '../schedules/schedule.errors.js';
import { FileTooLargeError } from '../files/files.service.js';
import { FileMissingError, StorageUnavailableError } from '../files/storage-errors.js';
import { QueueError } from '../messages/queues.js';
import { UrlGroupError } from '../messages/url-groups.js';
import { noRoute } from '../http/no-route.js';
import { Problem, sendProblem } from '../http/problem.js';
import { rateLimitFields } from '../http/rate-limit.js';
import { CompletionRefusedError } from '../operations/await/completions.service.js';
import {
  IdempotencyMismatchError,
  OperationEndedError,
  OperationExpiredError,
  OperationLiveError,
  OperationNotFoundError,
  OperationRefusedError,
  QuotaExceededError,
} from '../operations/operation.errors.js';

/** Turns everything that goes wrong into problem+json: callers' faults into 4xx, ours into 5xx that tell nothing inner. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('HTTP');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const request = http.getRequest<FastifyRequest>();
    const problem = error instanceof NotFoundException && request.is404 ? noRoute(request) : toProblem(error);
    if (problem.status >= 500) {
      this.logger.error({
        msg: 'request failed',
        method: request.method,
        route: request.routeOptions?.url,
        http_request_id: request.id,
        error: String(error),
        stack: error instanceof Error ? error.stack : undefined,
        cause: error instanceof Error && error.cause instanceof Error ? error.cause.stack : undefined,
      });
    }
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    sendProblem(reply, problem);
  }
}

/** What is refused as the endpoint stands. */
const STATES = new Set(['endpoint-disabled', 'endpoint-not-pull']);

/** The problem that an error is, whatever threw it. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof AccountDisabledError) return new Problem(403, error.code, error.message);
  if (error instanceof OperationRefusedError) return refused(422, error);
  if (error instanceof QuotaExceededError) return overQuota(error);
  if (error instanceof CompletionRefusedError) return ofCompletion(error);
  if (error instanceof OperationNotFoundError)
    return new Problem(404, error.code, error.message, { errors: [{ path: 'id', message: error.message }] });
  if (error instanceof OperationEndedError)
    return new Problem(409, error.code, error.message, { members: { status_of_operation: error.state } });
  if (error instanceof LeaseLostError || error instanceof DeclarationConflictError)
    return new Problem(409, error.code, error.message);
  if (error instanceof LeaseNotFoundError)
    return new Problem(404, error.code, error.message, {
      errors: [{ path: 'lease', message: error.message }],
    });
  if (error instanceof OperationLiveError) return new Problem(409, error.code, error.message);
  if (error instanceof OperationExpiredError) return new Problem(410, error.code, error.message);
  if (error instanceof IdempotencyMismatchError) {
    return new Problem(422, error.code, error.message, {
      errors: [{ path: 'Idempotency-Key', message: error.message }],
    });
  }
  if (error instanceof EndpointRefusedError) return refused(STATES.has(error.code) ? 409 : 422, error);
  if (error instanceof ScheduleRefusedError)
    return new Problem(422, error.code, error.message, { errors: error.errors });
  if (error instanceof RecoveryEndedError) return new Problem(409, error.code, error.message);
  if (
    error instanceof EndpointNotFoundError ||
    error instanceof RecoveryNotFoundError ||
    error instanceof ScheduleNotFoundError
  ) {
    return new Problem(404, error.code, error.message, { errors: [{ path: 'id', message: error.message }] });
  }
  if (error instanceof UrlGroupError || error instanceof QueueError)
    return new Problem(OF_GROUPS[error.code], error.code, error.message);
  if (error instanceof FlowNotFoundError)
    return new Problem(404, error.code, error.message, { errors: [{ path: 'key', message: error.message }] });
  if (error instanceof TooManyFlowsError)
    return new Problem(422, error.code, error.message, { errors: [{ path: 'key', message: error.message }] });
  if (error instanceof FileTooLargeError)
    return new Problem(413, error.code, error.message, {
      errors: [{ path: 'file', message: error.message }],
    });
  if (error instanceof DatabaseUnavailableError)
    return new Problem(503, error.code, error.message, { headers: { 'retry-after': '2' } });
  if (error instanceof StorageUnavailableError)
    return new Problem(503, error.code, error.message, { headers: { 'retry-after': '5' } });
  if (error instanceof FileMissingError) return new Problem(404, error.code, error.message);
  return ofFramework(error);
}

const OF_GROUPS = {
  'not-found': 404,
  'too-many': 412,
  'invalid-url': 400,
  'changed-meanwhile': 409,
} as const satisfies Record<(UrlGroupError | QueueError)['code'], number>;

const OF_COMPLETIONS = {
  'malformed-token': 400,
  'invalid-signature': 401,
  'unknown-token': 404,
  'already-completed': 409,
  'operation-ended': 409,
  'token-expired': 410,
} as const satisfies Record<CompletionRefusedError['code'], number>;

function ofCompletion({ code, message, header }: CompletionRefusedError): Problem {
  return new Problem(OF_COMPLETIONS[code], code, message, { errors: [{ path: header ?? 'token', message }] });
}

/** 429 where it may be asked again later. */
function refused(status: number, error: OperationRefusedError | EndpointRefusedError): Problem {
  const { code, message, errors, retryAfterS } = error;
  return retryAfterS === null
    ? new Problem(status, code, message, { errors })
    : new Problem(429, code, message, { errors, headers: { 'retry-after': String(retryAfterS) } });
}

/** Bytes are the size of what was sent (RFC 9110, 15.5.14), the number of operations is a pace. */
function overQuota({ quota, code, message, most, left, retryAfterS }: QuotaExceededError): Problem {
  const unit = quota === 'bytes' ? 'content-bytes' : undefined;
  return new Problem(quota === 'bytes' ? 413 : 429, code, message, {
    headers: {
      'retry-after': String(retryAfterS),
      ...rateLimitFields({ name: quota, quota: most, left, resetS: retryAfterS, unit }),
    },
  });
}

const CODES: Record<number, string> = {
  400: 'bad-request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  408: 'request-timeout',
  409: 'conflict',
  413: 'body-too-large',
  414: 'uri-too-long',
  415: 'unsupported-media-type',
  422: 'invalid-request',
  429: 'too-many-requests',
  431: 'headers-too-large',
};

function ofFramework(error: unknown): Problem {
  const status =
    error instanceof HttpException
      ? error.getStatus()
      : (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status !== 'number' || status < 400 || status > 499) {
    return new Problem(
      500,
      'internal-error',
      'something went wrong here; the log has the details under this request id',
    );
  }
  const detail = error instanceof Error ? error.message : 'the request was refused';
  if (status === 400)
    return new Problem(400, 'malformed-body', `the body could not be read: ${detail}`, {
      errors: [{ path: 'body', message: detail }],
    });
  if (status === 413)
    return new Problem(
      413,
      CODES[413]!,
      'the body is too large; the limit is 1 MiB, uploads 64 MiB, logins 16 KiB',
      {
        errors: [{ path: 'body', message: 'is too large' }],
      },
    );
  if (status === 415)
    return new Problem(415, CODES[415]!, 'this content type is not understood here; send application/json', {
      errors: [{ path: 'Content-Type', message: detail }],
    });
  return new Problem(status, CODES[status] ?? 'bad-request', detail);
}
