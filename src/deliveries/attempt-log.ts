import type { Logger } from '@nestjs/common';
import type { AttemptRecord } from './attempt-record.js';
import type { DeliveryClaim, LeasedDelivery } from './delivery-claim.js';
import { nextStep, type RetryLimits } from './next-step.js';
import type { Verdict } from './verdict.js';
import type { AttemptResult } from './webhook.client.js';

const MAX_HEADERS_TEXT = 16 * 1024;
/** Request headers that the log shows; the others are secrets: the signature and the caller's own. */
const SHOWN_HEADERS = new Set([
  'content-type',
  'webhook-id',
  'webhook-timestamp',
  'ringback-operation',
  'ringback-attempt',
  'traceparent',
]);
/** Shorter values are no secrets, and taking them out would garble a response's text. */
const MIN_SECRET = 6;
/** What becomes of an attempt that our shutdown cut off: the receiver may have seen it, and it is made again. */
const INTERRUPTED = {
  outcome: 'unknown',
  interrupted: true,
  state: 'Pending',
  reason: null,
  delayS: 0,
  exhaustedBody: null,
  error: 'interrupted',
} as const;

/** What went out of an attempt, as far as it may be secret. */
export interface Sent {
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** The same, with what came of it. */
export interface Attempted extends Sent {
  readonly result: AttemptResult;
}

/** The one line of an attempt. */
export function logAttempt(logger: Logger, delivery: LeasedDelivery, record: AttemptRecord): void {
  const line = {
    msg: `callback ${record.outcome}`,
    delivery: delivery.id,
    operation: delivery.operationRid,
    request_id: delivery.operationId,
    event: delivery.eventType,
    attempt: record.number,
    status: record.httpStatus,
    duration_ms: Math.round(record.durationMs),
    state: record.state,
    ...(record.error === null ? {} : { error: record.error }),
    ...(record.resent ? { resent: true } : {}),
    ...(record.delayS === null ? {} : { next_in_s: Math.round(record.delayS) }),
  };
  // A dead letter: somebody has to look at it.
  if (record.state === 'Exhausted') logger.warn(line);
  else logger.log(line);
}

/** What is kept of an attempt that was judged, and what becomes of its delivery. */
export function attemptRecord(
  claim: DeliveryClaim,
  sent: Attempted,
  judged: Verdict,
  limits: RetryLimits,
): AttemptRecord {
  const { delivery } = claim;
  const { result } = sent;
  const response = result.kind === 'response' ? shownResponse(result, sent) : null;
  const record = {
    seq: delivery.seq,
    leaseToken: claim.leaseToken,
    number: delivery.attemptCount,
    ...nextStep(delivery, limits, judged, claim.claimedAt),
    outcome: judged.outcome,
    interrupted: false,
    durationMs: result.durationMs,
    phasesMs: JSON.stringify(result.phasesMs),
    httpStatus: response?.status ?? null,
    error: judged.outcome === 'failed' ? judged.error : null,
    detail: (result.kind === 'error' ? result.detail : undefined) ?? null,
    requestHeaders: JSON.stringify(redacted(sent.headers)),
    responseHeaders: response?.headers ?? null,
    responseBody: response?.body ?? null,
    responseTruncated: response?.truncated ?? null,
    resent: result.resent ?? false,
    retryAfterS: judged.outcome === 'failed' && judged.retry ? judged.retryAfterS : null,
  };
  return result.kind === 'error' && result.code === 'aborted' ? { ...record, ...INTERRUPTED } : record;
}

/** What the log may show: the caller's own headers and the signature are secrets. */
export function redacted(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name !== 'webhook-signature')
      .map(([name, value]) => [name, SHOWN_HEADERS.has(name) ? value : '[redacted]']),
  );
}

/** Some receivers echo what they get: what is secret in a request must not come into the log by its response. */
function shownResponse(
  { status, headers, body, truncated }: Extract<AttemptResult, { kind: 'response' }>,
  sent: Sent,
): { status: number; headers: string; body: string; truncated: boolean } {
  const secrets = secretsOf(sent);
  return {
    status,
    headers: withoutSecrets(headersText(headers), secrets),
    body: withoutSecrets(body, secrets),
    truncated,
  };
}

/** What is secret in a request, as it is and as JSON would write it. */
function secretsOf({ url, headers }: Sent): string[] {
  const values: string[] = [];
  for (const [name, value] of Object.entries(headers))
    if (name === 'webhook-signature') values.push(...value.split(/[ ,]/));
    else if (!SHOWN_HEADERS.has(name)) values.push(value);
  const at = url.indexOf('?');
  if (at !== -1) values.push(url.slice(at + 1), ...new URLSearchParams(url.slice(at + 1)).values());
  return values
    .filter((value) => value.length >= MIN_SECRET)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) if (shown.includes(secret)) shown = shown.replaceAll(secret, '[redacted]');
  return shown;
}

/** Response headers as the log keeps them. */
function headersText(headers: object): string {
  const text = JSON.stringify('set-cookie' in headers ? { ...headers, 'set-cookie': '[redacted]' } : headers);
  return text.length <= MAX_HEADERS_TEXT
    ? text
    : JSON.stringify({ truncated: `${text.length} characters of headers` });
}
