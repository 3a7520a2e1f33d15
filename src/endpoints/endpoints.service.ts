import { Injectable } from '@nestjs/common';
import { DeliveryDispatcher } from '../deliveries/delivery.dispatcher.js';
import { BY_HAND, EndpointHealthStore } from '../deliveries/endpoint-health.store.js';
import { publicKeyOf } from '../signing/signature.js';
import { type KnownSecret, SigningSecrets } from '../signing/signing-secrets.store.js';
import type { EndpointEntity, RecoveryEntity } from './endpoint.entity.js';
import { EndpointNotFoundError, EndpointRefusedError } from './endpoint.errors.js';
import { type EndpointDescription, EndpointSettingsMaker } from './endpoint-settings.js';
import { EndpointStore } from './endpoint.store.js';
import { randomId } from '../database/random-id.js';
import { RecoveriesService } from './recoveries.service.js';
import type { RecoveryScope } from './recovery.store.js';

/** Public keys that this process remembers, which anybody may ask for, and for how long. */
const MAX_PUBLIC_KEYS = 10_000;
const PUBLIC_KEY_MS = 60_000;
/** Endpoints one account may have. */
const MAX_ENDPOINTS = 50;

/** What accounts can do with their endpoints. Refusals are errors of `endpoint.errors.ts`. */
@Injectable()
export class EndpointsService {
  private readonly publicKeys = new Map<string, { key: string; until: number }>();

  constructor(
    private readonly store: EndpointStore,
    private readonly health: EndpointHealthStore,
    private readonly signing: SigningSecrets,
    private readonly settings: EndpointSettingsMaker,
    private readonly dispatcher: DeliveryDispatcher,
    private readonly recoveries: RecoveriesService,
  ) {}

  /** A new endpoint with its own signing secret, which is told along. */
  async create(
    accountId: string,
    description: EndpointDescription,
  ): Promise<{ endpoint: EndpointEntity; secret: string }> {
    const id = randomId('ep_');
    const settings = await this.settings.of(accountId, id, description, null);
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
    const settings = await this.settings.of(
      accountId,
      id,
      change(current, this.settings.destination(current).url),
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
}
