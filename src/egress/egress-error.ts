import { AbortError, TimeoutError } from 'got';

/** Why a request got no usable response: all that integrators are told, never an address. */
export type EgressErrorCode =
  | 'blocked_destination'
  | 'dns_error'
  | 'dns_timeout'
  | 'connect_refused'
  | 'proxy_error'
  | 'connect_timeout'
  | 'tls_error'
  | 'connection_reset'
  | 'response_timeout'
  | 'request_timeout'
  | 'response_too_large'
  | 'response_invalid'
  | 'aborted'
  | 'unknown';

const DESCRIPTIONS: Record<EgressErrorCode, string> = {
  blocked_destination: 'the destination is not allowed',
  dns_error: 'the host name could not be resolved',
  dns_timeout: 'the host name was not resolved in time',
  connect_refused: 'the connection was refused, or the host cannot be reached',
  proxy_error: 'the proxy of this service did not open a connection',
  connect_timeout: 'the connection was not established in time',
  tls_error: 'the TLS handshake failed: check the certificate, its chain and its host name',
  connection_reset: 'the connection was closed before the response was complete',
  response_timeout: 'the request was sent, and no response came in time',
  request_timeout: 'the request was not completed in time',
  response_too_large: 'the response is larger than the limit',
  response_invalid: 'the response is not valid HTTP, or its headers are too large',
  aborted: 'the request was canceled',
  unknown: 'the request failed',
};

/**
 * A text for people that says what a code means and names no address. `libraryCode` is what TLS calls the fault: one text for an
 * expired certificate and for a missing chain would leave its reader to guess.
 */
export function describeEgressError(code: EgressErrorCode, libraryCode?: string): string {
  return libraryCode === undefined ? DESCRIPTIONS[code] : `${DESCRIPTIONS[code]} (${libraryCode})`;
}

/** A fault that Ringback itself found on the way out; told apart by class and `code`. */
export class EgressError extends Error {
  override readonly name: string = 'EgressError';
  constructor(
    readonly code: EgressErrorCode,
    options?: ErrorOptions,
  ) {
    super(describeEgressError(code), options);
  }
}

/** The text of the URL names what must not be called, and will do so as long as it stands. */
export class BlockedDestinationError extends EgressError {
  override readonly name = 'BlockedDestinationError';
  constructor() {
    super('blocked_destination');
  }
}

/** DNS answered with an error, or with no address. */
export class DnsError extends EgressError {
  override readonly name: string = 'DnsError';
  constructor(cause?: unknown) {
    super('dns_error', { cause });
  }
}

/**
 * A name leads to an address that must not be called. To integrators that is a failure of DNS like any other, which may have
 * passed by the next attempt; `detail` has the address, for operators alone.
 */
export class BlockedAnswerError extends DnsError {
  override readonly name = 'BlockedAnswerError';
  readonly detail: string;
  constructor(host: string, address: string) {
    super();
    this.detail = `${host} leads to ${address}, which is not public: where it may be called, name the host in RINGBACK_ALLOWED_HOSTS, or the address in RINGBACK_ALLOWED_PRIVATE`;
  }
}

/** The operator's proxy could not be reached, or did not connect; `detail` says how, for operators alone. */
export class EgressProxyError extends EgressError {
  override readonly name = 'EgressProxyError';
  constructor(readonly detail: string) {
    super('proxy_error');
  }
}

/** DNS did not answer in time. */
export class DnsTimeoutError extends EgressError {
  override readonly name = 'DnsTimeoutError';
  constructor() {
    super('dns_timeout');
  }
}

/** TCP and, for https, TLS were not established in time. */
export class ConnectTimeoutError extends EgressError {
  override readonly name = 'ConnectTimeoutError';
  constructor() {
    super('connect_timeout');
  }
}

/** The other side closed the connection while it was made. */
export class ConnectionClosedError extends EgressError {
  override readonly name = 'ConnectionClosedError';
  constructor() {
    super('connection_reset');
  }
}

/** The response is larger than the caller's cap. */
export class ResponseTooLargeError extends EgressError {
  override readonly name = 'ResponseTooLargeError';
  constructor() {
    super('response_too_large');
  }
}

/** The response cannot be used as one, such as a switch to another protocol that nobody asked for. */
export class InvalidResponseError extends EgressError {
  override readonly name = 'InvalidResponseError';
  constructor() {
    super('response_invalid');
  }
}

const CODES: Readonly<Record<string, EgressErrorCode>> = {
  ECONNREFUSED: 'connect_refused',
  EHOSTUNREACH: 'connect_refused',
  EHOSTDOWN: 'connect_refused',
  ENETUNREACH: 'connect_refused',
  ENETDOWN: 'connect_refused',
  EADDRNOTAVAIL: 'connect_refused',
  EACCES: 'connect_refused',
  ETIMEDOUT: 'connect_timeout',
  ERR_SOCKET_CONNECTION_TIMEOUT: 'connect_timeout',
  ECONNRESET: 'connection_reset',
  ECONNABORTED: 'connection_reset',
  EPIPE: 'connection_reset',
  ERR_SOCKET_CLOSED: 'connection_reset',
  ERR_STREAM_PREMATURE_CLOSE: 'connection_reset',
  // got's word for a connection that was closed before the promised length had come.
  ERR_HTTP_CONTENT_LENGTH_MISMATCH: 'connection_reset',
  EPROTO: 'tls_error',
  HOSTNAME_MISMATCH: 'tls_error',
  INVALID_CA: 'tls_error',
  INVALID_PURPOSE: 'tls_error',
  ABORT_ERR: 'aborted',
  ERR_ABORTED: 'aborted',
};

/** Node's TLS errors and the X.509 verdicts of OpenSSL, which are codes of their own (`CERT_HAS_EXPIRED`). */
const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|PATH_LENGTH_|ERROR_IN_)/;

/** Gives any error of a request its class, reading classes and codes only, never a message. */
export function classifyEgressError(error: unknown): EgressErrorCode {
  for (const one of causesOf(error)) {
    const code = classifyOne(one);
    if (code !== undefined) return code;
  }
  return 'unknown';
}

/** What the TLS library calls a fault of its own, such as `CERT_HAS_EXPIRED`; undefined of any other fault. */
export function tlsCodeOf(error: unknown): string | undefined {
  for (const one of causesOf(error))
    if (classifyOne(one) === 'tls_error' && typeof one.code === 'string') return one.code;
  return undefined;
}

/** The same text of an error, with the TLS library's code where it has one. */
export function explainEgressError(error: unknown): string {
  return describeEgressError(classifyEgressError(error), tlsCodeOf(error));
}

/** What only an operator may know of an error of a request; null: no more than its class says. */
export function operatorsDetail(error: unknown): string | null {
  for (const one of causesOf(error))
    if (one instanceof BlockedAnswerError || one instanceof EgressProxyError) return one.detail;
  return null;
}

/** got wraps what the agent throws; a few levels are enough, and a loop cannot hang us. */
function* causesOf(error: unknown): Generator<Error & { code?: unknown }> {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    yield current;
    current = current.cause;
  }
}

function classifyOne(error: Error & { code?: unknown }): EgressErrorCode | undefined {
  if (error instanceof EgressError) return error.code;
  // got takes over the code of the error it wraps: ask the original first.
  if (error.cause instanceof EgressError) return error.cause.code;
  if (error instanceof TimeoutError) return classifyTimeout(error);
  if (error instanceof AbortError) return 'aborted';
  if (typeof error.code !== 'string') return undefined;
  if (error.code.startsWith('HPE_')) return 'response_invalid';
  return Object.hasOwn(CODES, error.code)
    ? CODES[error.code]
    : TLS_CODE.test(error.code)
      ? 'tls_error'
      : undefined;
}

/** got's one clock for everything: if the request had left and no head came, it is the receiver that is slow. */
function classifyTimeout(error: TimeoutError): EgressErrorCode {
  const { timings, event } = error;
  if (event === 'response') return 'response_timeout';
  if (timings.connect === undefined) return 'connect_timeout';
  return timings.upload !== undefined && timings.response === undefined
    ? 'response_timeout'
    : 'request_timeout';
}
