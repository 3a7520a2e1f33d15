import { Injectable } from '@nestjs/common';
import { checkRetrySchedule, RetryScheduleError } from '../config/retry-schedule.js';
import type { FieldError } from '../config/validation.js';
import { CallbackHosts } from '../egress/callback-hosts.js';
import {
  ClientCertificateError,
  readClientCertificate,
  showClientCertificate,
  type ShownCertificate,
} from '../egress/client-certificate.js';
import { checkHeaders, type GivenHeader } from '../egress/header-rules.js';
import { UrlPolicy } from '../egress/url-policy.js';
import { SecretBox, type SecretPlace } from '../signing/secret-box.js';
import { type Destination, openDestination, sealDestination } from '../signing/sealed-destination.js';
import type { SignatureProfile } from '../signing/signature.js';
import type { EndpointEntity, EndpointMode } from './endpoint.entity.js';
import { EndpointRefusedError } from './endpoint.errors.js';
import type { EndpointSettings } from './endpoint.store.js';
import type { EventType } from './events.js';
import { OwnershipHandshake } from './ownership-handshake.js';

export type { ShownCertificate };

/** An endpoint as a caller describes it. */
export interface EndpointDescription {
  readonly mode: EndpointMode;
  /** Empty where none is given. */
  readonly url: string;
  readonly description: string;
  readonly events: EventType[];
  /** `undefined` keeps what is stored. */
  readonly headers: readonly GivenHeader[] | undefined;
  readonly retrySchedule: number[] | null;
  readonly maxInFlight: number | null;
  readonly ratePerS: number | null;
  readonly signatureProfile: SignatureProfile;
  readonly thinOver: number | null;
  /** PEM with its key; `undefined` keeps what is stored. */
  readonly clientCertificate: string | null | undefined;
  /** Ask the receiver first whether it wants callbacks (CloudEvents' abuse protection). */
  readonly handshake: boolean;
  readonly leaseS: number | null;
  readonly ephemeralS: number | null;
}

/** Where an endpoint is, and how many attempts a second it wants. */
interface CheckedUrl {
  readonly href: string;
  readonly origin: string;
  readonly ratePerS: number | null;
}

type Field = keyof EndpointDescription;

/** What says how attempts are sent. */
const PUSH_ONLY = {
  url: 'url',
  client_certificate: 'clientCertificate',
  handshake: 'handshake',
  max_in_flight: 'maxInFlight',
  rate_per_s: 'ratePerS',
} as const satisfies Record<string, Field>;
const PULL_ONLY = { lease_s: 'leaseS', ephemeral_s: 'ephemeralS' } as const satisfies Record<string, Field>;

/** Checks what callers say of an endpoint, and seals what of it is secret. */
@Injectable()
export class EndpointSettingsMaker {
  constructor(
    private readonly box: SecretBox,
    private readonly policy: UrlPolicy,
    private readonly hosts: CallbackHosts,
    private readonly handshake: OwnershipHandshake,
  ) {}

  /** Settings as they are stored, of what a caller gives over what stands; refused where something of it is wrong. */
  async of(
    accountId: string,
    id: string,
    given: EndpointDescription,
    current: EndpointEntity | null,
  ): Promise<EndpointSettings> {
    const known = current && this.destination(current);
    const to = given.mode === 'pull' ? nowhere(given) : await this.checked(accountId, given, current, known);
    const headers = given.headers ?? known?.headers ?? [];
    const { url, sealed } = sealDestination(this.box, { url: to.href, headers }, place(accountId, id));
    return {
      mode: given.mode,
      url,
      origin: to.origin,
      description: given.description,
      events: given.events,
      headers: sealed,
      retrySchedule: given.retrySchedule,
      maxInFlight: given.maxInFlight,
      ratePerS: to.ratePerS,
      signatureProfile: given.signatureProfile,
      thinOver: given.thinOver,
      clientCertificate: this.sealCertificate(accountId, id, given.clientCertificate, current),
      leaseS: given.leaseS,
      ephemeralS: given.ephemeralS,
    };
  }

  /** The URL of an endpoint that is sent to, which may be one and, where that is asked for, wants to be. */
  private async checked(
    accountId: string,
    given: EndpointDescription,
    current: EndpointEntity | null,
    known: Destination | null,
  ): Promise<CheckedUrl> {
    const checked = this.policy.check(given.url);
    if (!checked.accepted)
      throw new EndpointRefusedError(checked.code, [{ path: 'url', message: checked.reason }]);
    refuse([
      ...headerErrors(given.headers ?? []),
      ...scheduleErrors(given.retrySchedule),
      ...certificateErrors(given.clientCertificate),
      ...misplaced(PULL_ONLY, given, 'is for pull endpoints alone ("mode": "pull"): leave it out'),
    ]);
    await this.admitHost(accountId, checked.href);
    const { href, origin } = checked;
    if (!given.handshake || href === known?.url) return { href, origin, ratePerS: given.ratePerS };
    const allowed = await this.handshake.ask(href, this.toShow(given, current));
    const ratePerS =
      allowed.ratePerS === null ? given.ratePerS : Math.min(given.ratePerS ?? Infinity, allowed.ratePerS);
    return { href, origin, ratePerS };
  }

  /** Where it leads, query and headers opened; both are secrets. */
  destination({ id, accountId, url, headers: sealed }: EndpointEntity): Destination {
    return openDestination(this.box, { url, sealed }, place(accountId, id));
  }

  /** Of its client certificate what may be told; null where it has none. */
  shownCertificate(endpoint: EndpointEntity): ShownCertificate | null {
    const pem = this.openCertificate(endpoint);
    return pem === null ? null : showClientCertificate(pem);
  }

  private openCertificate({ clientCertificate, accountId, id }: EndpointEntity): string | null {
    return clientCertificate && this.box.open(clientCertificate, certificatePlace(accountId, id));
  }

  /** What the receiver is shown from now on. */
  private toShow(given: EndpointDescription, current: EndpointEntity | null): string | undefined {
    if (given.clientCertificate !== undefined) return given.clientCertificate ?? undefined;
    return (current && this.openCertificate(current)) ?? undefined;
  }

  private sealCertificate(
    accountId: string,
    id: string,
    given: string | null | undefined,
    current: EndpointEntity | null,
  ): string | null {
    // Also what stays is sealed anew: it may have been read before the walk that sealed it with a newer key.
    const pem = given === undefined ? current && this.openCertificate(current) : given;
    return pem && this.box.seal(pem, certificatePlace(accountId, id));
  }

  private async admitHost(accountId: string, url: string): Promise<void> {
    const retryAfterS = await this.hosts.admit(accountId, url);
    if (retryAfterS === null) return;
    const message = `names one host too many: this account has brought up as many new ones as it may in a minute; try again in ${retryAfterS} s`;
    throw new EndpointRefusedError('too-many-new-hosts', [{ path: 'url', message }], retryAfterS);
  }
}

/** Of an endpoint that is pulled: nothing is sent to it. */
function nowhere(given: EndpointDescription): CheckedUrl {
  const message =
    'is for endpoints that are sent to: a pull endpoint has none, its consumer asks; leave it out';
  refuse([
    ...headerErrors(given.headers ?? []),
    ...scheduleErrors(given.retrySchedule),
    ...misplaced(PUSH_ONLY, given, message),
  ]);
  return { href: '', origin: '', ratePerS: null };
}

function misplaced(
  fields: Readonly<Record<string, Field>>,
  given: EndpointDescription,
  message: string,
): FieldError[] {
  // Neither null nor false says anything.
  return Object.entries(fields).flatMap(([path, field]) => (given[field] ? [{ path, message }] : []));
}

function refuse(errors: FieldError[]): void {
  if (errors.length > 0) throw new EndpointRefusedError('invalid-request', errors);
}

function place(account: string, row: string): SecretPlace {
  return { account, row, column: 'endpoint_headers' };
}

function certificatePlace(account: string, row: string): SecretPlace {
  return { account, row, column: 'client_certificate' };
}

function certificateErrors(pem: string | null | undefined): FieldError[] {
  try {
    if (typeof pem === 'string') readClientCertificate(pem);
    return [];
  } catch (error) {
    if (error instanceof ClientCertificateError)
      return [{ path: 'client_certificate', message: error.message }];
    throw error;
  }
}

function headerErrors(headers: readonly GivenHeader[]): FieldError[] {
  return checkHeaders(headers).map(({ path, message }) => ({
    path: path.replace(/\[(\d+)\]/g, '.$1'),
    message,
  }));
}

function scheduleErrors(schedule: number[] | null): FieldError[] {
  try {
    if (schedule) checkRetrySchedule(schedule);
    return [];
  } catch (error) {
    if (error instanceof RetryScheduleError) return [{ path: 'retry_schedule', message: error.message }];
    throw error;
  }
}
