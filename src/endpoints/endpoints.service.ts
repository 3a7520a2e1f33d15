import { Injectable } from '@nestjs/common';
import { checkRetrySchedule, RetryScheduleError } from '../config/retry-schedule.js';
import type { FieldError } from '../config/validation.js';
import { DeliveryDispatcher } from '../deliveries/delivery.dispatcher.js';
import { BY_HAND, EndpointHealthStore } from '../deliveries/endpoint-health.store.js';
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
import { publicKeyOf, type SignatureProfile } from '../signing/signature.js';
import { type KnownSecret, SigningSecrets } from '../signing/signing-secrets.store.js';
import type { EndpointEntity, RecoveryEntity } from './endpoint.entity.js';
import { EndpointNotFoundError, EndpointRefusedError } from './endpoint.errors.js';
import { type EndpointSettings, EndpointStore } from './endpoint.store.js';
import type { EventType } from './events.js';
import { OwnershipHandshake } from './ownership-handshake.js';
import { randomId } from '../database/random-id.js';
import { RecoveriesService } from './recoveries.service.js';
import type { RecoveryScope } from './recovery.store.js';

export type { ShownCertificate };

/** Public keys that this process remembers, which anybody may ask for, and for how long. */
const MAX_PUBLIC_KEYS = 10_000;
const PUBLIC_KEY_MS = 60_000;
/** Endpoints one account may have. */
const MAX_ENDPOINTS = 50;

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

/** What accounts can do with their endpoints. Refusals are errors of `endpoint.errors.ts`. */
@Injectable()
export class EndpointsService {
  private readonly publicKeys = new Map<string, { key: string; until: number }>();

  constructor(
    private readonly store: EndpointStore,
    private readonly health: EndpointHealthStore,
    private readonly signing: SigningSecrets,
    private readonly box: SecretBox,
    private readonly policy: UrlPolicy,
    private readonly hosts: CallbackHosts,
    private readonly handshake: OwnershipHandshake,
    private readonly dispatcher: DeliveryDispatcher,
    private readonly recoveries: RecoveriesService,
  ) {}

  /** A new endpoint with its own signing secret, which is told along. */
  async create(
    accountId: string,
    description: EndpointDescription,
  ): Promise<{ endpoint: EndpointEntity; secret: string }> {
    const id = randomId('ep_');
    const settings = await this.settings(accountId, id, description, null);
    const endpoint = await this.store.create(accountId, id, settings, MAX_ENDPOINTS, async (tx) => {
      await this.signing.ensure(accountId, id, tx);
      if (settings.signatureProfile === 'standard+ed25519')
        await this.signing.ensureKeyPair(accountId, id, tx);
    });
    if (!endpoint) {
      const message = `an account has at most ${MAX_ENDPOINTS} endpoints: delete one that is no longer used`;
      throw new EndpointRefusedError('too-many-endpoints', [{ path: 'url', message }]);
    }
    return { endpoint, secret: await this.secret(accountId, id) };
  }

  /** Of an account, or of any (null). */
  async find(accountId: string | null, id: string): Promise<EndpointEntity> {
    const endpoint = await this.store.find(accountId, id);
    if (!endpoint) throw new EndpointNotFoundError(`there is no endpoint ${id.slice(0, 60)} in this account`);
    return endpoint;
  }

  /** Changes what is given; `change` gets the endpoint as it stands, and its whole URL. */
  async change(
    accountId: string,
    id: string,
    change: (endpoint: EndpointEntity, url: string) => EndpointDescription,
  ): Promise<EndpointEntity> {
    const current = await this.find(accountId, id);
    const settings = await this.settings(
      accountId,
      id,
      change(current, this.destination(current).url),
      current,
    );
    if (settings.signatureProfile === 'standard+ed25519') await this.signing.ensureKeyPair(accountId, id);
    const changed = await this.store.change(accountId, id, settings);
    if (!changed) throw new EndpointNotFoundError(`there is no endpoint ${id.slice(0, 60)} in this account`);
    return changed;
  }

  async remove(accountId: string, id: string): Promise<void> {
    if (!(await this.store.remove(accountId, id)))
      throw new EndpointNotFoundError(`there is no endpoint ${id.slice(0, 60)} in this account`);
  }

  /** The `whsec_…` that signs now. */
  async secret(accountId: string, id: string): Promise<string> {
    await this.find(accountId, id);
    return (await this.signing.of(accountId, id)).secrets[0]!;
  }

  /** Every secret that signs now, newest first, without its text. */
  async secrets(account: string | null, id: string): Promise<KnownSecret[]> {
    const { accountId } = await this.find(account, id);
    return this.signing.list(accountId, id);
  }

  /** Ends an old secret at once; the current one stays. */
  async endSecret(accountId: string, id: string, secretId: string): Promise<'ended' | 'current' | null> {
    await this.find(accountId, id);
    return this.signing.end(accountId, id, secretId);
  }

  /** The `whpk_…` of an endpoint that has, or had, the profile `standard+ed25519`; null where there is none. */
  async publicKey(id: string): Promise<string | null> {
    const known = this.publicKeys.get(id);
    if (known && known.until > performance.now()) return known.key;
    if (!/^ep_[0-9a-f]{32}$/.test(id)) return null;
    const privateKey = await this.signing.keyPairOf(id);
    if (privateKey === null) return null;
    const key = publicKeyOf(privateKey);
    if (this.publicKeys.size >= MAX_PUBLIC_KEYS) this.publicKeys.clear();
    this.publicKeys.set(id, { key, until: performance.now() + PUBLIC_KEY_MS });
    return key;
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

  async rotate(accountId: string, id: string, overlapS: number): Promise<string> {
    await this.find(accountId, id);
    return this.signing.rotate(accountId, id, overlapS);
  }

  /** Holds its deliveries from now on. */
  async disable(accountId: string, id: string): Promise<EndpointEntity> {
    await this.find(accountId, id);
    await this.health.disable(id, BY_HAND);
    return this.find(accountId, id);
  }

  /** Sends what was paused. */
  async enable(accountId: string, id: string): Promise<EndpointEntity> {
    await this.find(accountId, id);
    await this.health.enable(id);
    this.dispatcher.wake();
    return this.find(accountId, id);
  }

  /** Brings the endpoint's deliveries of a time span forward; a disabled endpoint is enabled. */
  async recover(
    accountId: string,
    id: string,
    scope: Pick<RecoveryScope, 'since' | 'until' | 'pending'>,
  ): Promise<RecoveryEntity> {
    await this.find(accountId, id);
    // First: what is paused is counted, too.
    const recovery = await this.recoveries.begin({
      ...scope,
      accountId,
      endpointId: id,
      origin: null,
      reason: null,
    });
    await this.enable(accountId, id);
    return recovery;
  }

  private async settings(
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
