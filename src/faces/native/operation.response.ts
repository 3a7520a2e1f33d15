import { accountShown, type Whose } from '../../accounts/whose.js';
import { MIN_BARE } from '../../deliveries/owed.js';
import type { DeliveryState } from '../../deliveries/delivery.state.js';
import type { HistoryEntryEntity, OperationEntity } from '../../operations/operation.entity.js';
import type { Bodies } from '../../operations/end/callback-presenters.js';
import { completionUrl } from '../../operations/await/completion-offers.js';
import type { OperationRequest } from '../../operations/operations.service.js';
import type { OperationState } from '../../operations/operation.state.js';
import type { OperationView } from '../../operations/read/operation-reads.store.js';
import { ApiInteger, ApiLargeInteger, ApiTime } from '../../http/api-properties.js';

export class OperationErrorResponse {
  code: string;
  message: string;
}

export class OperationCallbackResponse {
  /** Where the end is told; a query string is not shown. */
  url: string;
  state: DeliveryState;
}

export class OperationLinksResponse {
  self: string;
  history: string;
  result: string;
  deliveries: string;
  cancel: string;
}

export class OperationScheduleResponse {
  /** Id of the schedule. */
  id: string;
  /** Its time. */
  @ApiTime()
  tick: string;
}

export class OperationFlowResponse {
  key: string;
  @ApiInteger()
  parallelism?: number;
  @ApiInteger()
  rate?: number;
  period_s?: number;
}

/** An operation, as polling shows it and as the webhook's `data` carries it. */
export class OperationResponse {
  /** 32 hex digits, unguessable. */
  id: string;
  /** Strictly increasing; the order of acceptance. */
  @ApiLargeInteger()
  request_id: number;
  type: string;
  status: OperationState;
  /** One line for people. */
  status_text: string;
  /** Why it failed; null otherwise. */
  status_info: string | null;
  /** 0 to 100. */
  progress: number;
  @ApiInteger()
  attempt: number;
  /**
   * 1 for the account's next to start: an estimate, at most 1,000. Absent when not Waiting, before `run_at`, in lists and in
   * the answer to a submit.
   */
  @ApiInteger()
  queue_position?: number;
  /** Whose it is; there where the request named an `account`. */
  account_id?: string;
  correlation: string | null;
  @ApiTime()
  created_at: string;
  @ApiTime()
  started_at: string | null;
  @ApiTime()
  finished_at: string | null;
  /** When the ended operation may be deleted. */
  @ApiTime()
  expires_at: string | null;
  /** When it was erased, and its input and result with it; absent where it wasn't. */
  @ApiTime()
  erased_at?: string;
  /** JSON of the handler; only when Finished. */
  result: unknown;
  /** JSON of the handler; only when Finished. */
  custom: unknown;
  error: OperationErrorResponse | null;
  /** Id of the stored result, as `GET /v1/files/:id` knows it. */
  file: string | null;
  callback: OperationCallbackResponse | null;
  /**
   * Whoever POSTs to it ends the operation. Only in the answer to a submit or rerun of a type that is done elsewhere, such as
   * `external`: keep it, it is not shown again.
   */
  completion_url?: string;
  /** Id of the operation that this one repeats. */
  rerun_of: string | null;
  /** What had it submitted, and for when; absent where no schedule did. */
  schedule?: OperationScheduleResponse;
  /** Its flow key, and the values that were given with it; absent where it has none. */
  flow?: OperationFlowResponse;
  links: OperationLinksResponse;

  static from(
    { operation, callbackState, queuePosition, completionToken }: OperationView,
    publicUrl: string,
    whose?: Whose,
  ): OperationResponse {
    const finished = operation.state === 'Finished';
    const self = `${publicUrl}/v1/operations/${operation.rid}`;
    return {
      id: operation.rid,
      request_id: Number(operation.requestId),
      type: operation.type,
      status: operation.state,
      status_text: operation.statusText,
      status_info: operation.errorMessage,
      progress: round(operation.progress),
      attempt: operation.attempt,
      ...(typeof queuePosition === 'number' ? { queue_position: queuePosition } : {}),
      ...accountShown(operation.accountId, whose),
      correlation: operation.correlation,
      created_at: operation.createdAt.toISOString(),
      started_at: operation.startedAt?.toISOString() ?? null,
      finished_at: operation.finishedAt?.toISOString() ?? null,
      expires_at: operation.expiresAt?.toISOString() ?? null,
      ...(operation.erasedAt === null ? {} : { erased_at: operation.erasedAt.toISOString() }),
      result: finished && operation.result !== null ? (JSON.parse(operation.result) as unknown) : null,
      custom: finished && operation.custom !== null ? (JSON.parse(operation.custom) as unknown) : null,
      error:
        operation.errorCode === null
          ? null
          : { code: operation.errorCode, message: operation.errorMessage ?? operation.errorCode },
      file: operation.fileId,
      callback:
        operation.callbackUrl === null
          ? null
          : { url: withoutQuery(operation.callbackUrl), state: callbackState ?? 'Pending' },
      ...(completionToken === undefined ? {} : { completion_url: completionUrl(publicUrl, completionToken) }),
      rerun_of: operation.rerunOf,
      ...(operation.scheduleId === null
        ? {}
        : { schedule: { id: operation.scheduleId, tick: operation.tick!.toISOString() } }),
      ...(operation.flow === null ? {} : { flow: JSON.parse(operation.flow) as OperationFlowResponse }),
      links: {
        self,
        history: `${self}/history`,
        result: `${self}/result`,
        deliveries: `${self}/deliveries`,
        cancel: `${self}/cancel`,
      },
    };
  }
}

/** A header that was given with a callback; its value is never shown. */
export class RequestedHeaderResponse {
  key: string;
  /** Always `[redacted]`. */
  value: string;
}

/** The callback that was asked for. */
export class RequestedCallbackResponse {
  /** A query string is not shown. */
  url: string;
  headers: RequestedHeaderResponse[];
}

/** What was submitted, without what is secret in it. */
export class OperationRequestResponse {
  type: string;
  /** JSON as it was given. */
  input: unknown;
  /** Members of `input` that are left out because they may be secret, or, as a URL's query, left out in part. */
  withheld: string[];
  callback: RequestedCallbackResponse | null;
  correlation: string | null;
  @ApiInteger()
  priority: number;
  /** When it may run, or run again, at the earliest. */
  @ApiTime()
  run_at: string | null;
  timeout_s: number;
  retention: string;
  /** Of the trace that it belongs to: 32 hex digits; null where there is none. */
  trace_id: string | null;

  static from({ operation, input, withheld, headerNames }: OperationRequest): OperationRequestResponse {
    const { callbackUrl: url } = operation;
    return {
      type: operation.type,
      input,
      withheld: [...withheld],
      callback:
        url === null
          ? null
          : {
              url: withoutQuery(url),
              headers: headerNames.map((key) => ({ key, value: '[redacted]' })),
            },
      correlation: operation.correlation,
      priority: operation.priority,
      run_at: operation.runAt?.toISOString() ?? null,
      timeout_s: operation.timeoutS,
      retention: operation.retention,
      trace_id: operation.traceparent?.split('-')[1] ?? null,
    };
  }
}

/** The bodies of a native callback, each serialised once for all attempts. */
export function nativeCallbackBodies(
  operation: OperationEntity,
  eventType: string,
  publicUrl: string,
): Bodies {
  const data = OperationResponse.from({ operation, callbackState: 'Pending' }, publicUrl);
  const body = (left: Partial<OperationEventData>): string =>
    JSON.stringify({ type: eventType, timestamp: data.finished_at, data: { ...data, ...left } });
  const noResult = data.result === null ? {} : { result: null, result_omitted: true as const };
  const noCustom = data.custom === null ? {} : { custom: null, custom_omitted: true as const };
  const whole = body({});
  if (data.result === null && data.custom === null) return { whole };
  const thin = data.result === null ? whole : body(noResult);
  // What is small is never left out, so it needn't be serialised without it.
  const isSmall = data.custom === null || Buffer.byteLength(thin) <= MIN_BARE;
  return { whole, thin, bare: isSmall ? undefined : body({ ...noResult, ...noCustom }) };
}

/** An operation as callbacks carry it. */
export class OperationEventData extends OperationResponse {
  /** Only where it is: `result` is null because the body was too large. It is at `links.result`. */
  result_omitted?: true;
  /** Only where it is: `custom` is null because the body was too large without the result too. It is at `links.self`. */
  custom_omitted?: true;
}

/** One row of an operation's history. */
export class HistoryEntryResponse {
  /** Increasing within the operation. */
  @ApiLargeInteger()
  id: number;
  kind: 'transition' | 'progress' | 'log';
  /** The state moved to; only of transitions. */
  status: OperationState | null;
  progress: number | null;
  text: string;
  @ApiTime()
  created_at: string;
  /** Of a failed attempt: the stack of its error and of the causes. Only in lists, for keys with the scope `admin`. */
  stack?: string;

  static from(entry: HistoryEntryEntity, withStack = false): HistoryEntryResponse {
    return {
      id: Number(entry.id),
      kind: entry.kind,
      status: entry.state,
      progress: entry.progress === null ? null : round(entry.progress),
      text: entry.text,
      created_at: entry.createdAt.toISOString(),
      ...(withStack && entry.stack !== null ? { stack: entry.stack } : {}),
    };
  }
}

/** Query strings often hold tokens: they are stored sealed, and of a URL only its `?` tells that it has one. */
export function withoutQuery(url: string): string {
  const at = url.indexOf('?');
  return at === -1 ? url : `${url.slice(0, at)}?[redacted]`;
}

/** The same of what may be pulled, which has no URL: null then. */
export function shownUrl(url: string): string | null {
  return url === '' ? null : withoutQuery(url);
}

/** PostgreSQL's `real` has seven digits; two after the point are plenty for a percentage. */
function round(percent: number): number {
  return Math.round(percent * 100) / 100;
}
