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
import type { EndpointEntity } from './endpoint.entity.js';
import { EndpointRefusedError } from './endpoint.errors.js';
import type { EndpointSettings } from './endpoint.store.js';
import type { EventType } from './events.js';
import { OwnershipHandshake } from './ownership-handshake.js';

export type { ShownCertificate };

/** An endpoint as a caller describes it. */
export interface EndpointDescription {
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
}

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
    const checked = this.policy.check(given.url);
    if (!checked.accepted)
      throw new EndpointRefusedError(checked.code, [{ path: 'url', message: checked.reason }]);
    const errors = [
      ...headerErrors(given.headers ?? []),
      ...scheduleErrors(given.retrySchedule),
      ...certificateErrors(given.clientCertificate),
    ];
    if (errors.length > 0) throw new EndpointRefusedError('invalid-request', errors);
    await this.admitHost(accountId, checked.href);
    let { ratePerS } = given;
    if (given.handshake && checked.href !== known?.url) {
      const allowed = await this.handshake.ask(checked.href, this.toShow(given, current));
      ratePerS = allowed.ratePerS === null ? ratePerS : Math.min(ratePerS ?? Infinity, allowed.ratePerS);
    }
    const headers = given.headers ?? known?.headers ?? [];
    const { url, sealed } = sealDestination(this.box, { url: checked.href, headers }, place(accountId, id));
    return {
      url,
      origin: checked.origin,
      description: given.description,
      events: given.events,
      headers: sealed,
      retrySchedule: given.retrySchedule,
      maxInFlight: given.maxInFlight,
      ratePerS,
      signatureProfile: given.signatureProfile,
      thinOver: given.thinOver,
      clientCertificate: this.sealCertificate(accountId, id, given.clientCertificate, current),
    };
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
