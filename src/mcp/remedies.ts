import type { ErrorClass } from '../client/types.js';

/** What mends each kind of failure, to whoever runs the receiver or the service. */
const REMEDIES: Readonly<Record<ErrorClass, string>> = {
  http_1xx: 'the receiver answers with an interim status for good: have it answer 2xx',
  http_3xx: 'redirects are not followed: give the URL that they lead to',
  http_4xx:
    'the receiver refuses the request: its answer says why; look at the path of the URL, at what it expects of the body and its headers, and at how it checks the signature',
  http_5xx:
    'the receiver fails: look into its log at the time of the attempt, by the webhook-id; what it failed to take can be redelivered once it is mended',
  connect_refused:
    'nothing listens there, or a firewall refuses: start the receiver, or mend host and port of the URL',
  connect_timeout:
    'nobody answers there: open the way (firewall, security group), or mend host and port of the URL',
  connection_reset:
    'the receiver, or a proxy in front of it, closes the connection before it answers: look into its log, and at its limits of size and time',
  response_timeout:
    'the receiver takes the request and does not answer in time: have it answer 2xx at once, and work afterwards',
  request_timeout:
    'the request was not over in time: have the receiver read and answer faster, or send less (thin_over)',
  response_invalid: 'what answers there is not HTTP: mend scheme and port of the URL',
  dns_error:
    'the host name is not found, or leads to an address that may not be called: mend the name, or have the operator open it (RINGBACK_ALLOWED_HOSTS); "ringback doctor" looks from the service\'s side',
  dns_timeout:
    'DNS does not answer: look at the name servers of the zone, and of the machine that runs Ringback',
  tls_error:
    'the TLS handshake fails: mend the certificate, its chain and its name, or add its authority by RINGBACK_EGRESS_CA',
  proxy_error: 'the proxy of the service lets nothing through: have the operator run "ringback doctor"',
  blocked_destination:
    'the URL may not be called: use a public https: URL, or have the operator open it (RINGBACK_ALLOWED_HOSTS, RINGBACK_ALLOWED_PRIVATE)',
  nacked:
    'its consumer could not take it, and said why in the attempt: mend the consumer; it gets it again by the schedule',
  unknown: 'its worker ended before an answer was stored: it is sent again, with the same webhook-id',
};

/** Of some answers there is more to say. */
const BY_STATUS: Readonly<Record<number, string>> = {
  401: 'the receiver does not accept who calls: look at the secret by which it checks the signature, and at the headers that it wants',
  403: 'the receiver forbids it: look at its rules (firewall, bot protection, CSRF), and at how it checks the signature',
  404: 'there is nothing at this path: mend the URL',
  405: 'the path takes no POST: mend the URL, or the receiver',
  410: 'the receiver says that it is gone for good, so no more is sent: give another URL',
  413: 'the body is too large for the receiver: raise its limit, or leave the result out (thin_over)',
  429: 'the receiver is asked too often: lower max_in_flight or rate_per_s of the endpoint',
};

/** What mends this failure. */
export function remedyOf(error: ErrorClass | null, status: number | null): string {
  return (status === null ? undefined : BY_STATUS[status]) ?? REMEDIES[error ?? 'unknown'];
}
