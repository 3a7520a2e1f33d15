import { setMaxListeners } from 'node:events';
import { Injectable, Logger } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { rideOut } from '../database/ride-out.js';
import { SecretBox } from '../signing/secret-box.js';
import { SigningSecrets } from '../signing/signing-secrets.store.js';
import { attemptDestination, attemptHeaders } from './attempt-headers.js';
import type { Attempted } from './attempt-log.js';
import type { DeliveryClaim } from './delivery-claim.js';
import { isSpent, type RetryLimits } from './next-step.js';
import { type AttemptResult, WebhookClient } from './webhook.client.js';

const NOTHING_SENT = { url: '', headers: {} };
const NOT_MADE: AttemptResult = {
  kind: 'error',
  code: 'unknown',
  durationMs: 0,
  phasesMs: { dns: null, connect: null, tls: null, first_byte: null },
};
/** Of an attempt that came too late to be made: given back, as one that was cut off. */
const NOT_BEGUN: AttemptResult = { ...NOT_MADE, code: 'aborted' };

/** Makes the request of an attempt: opens what is sealed, signs, POSTs. */
@Injectable()
export class AttemptRequests {
  private readonly logger = new Logger('Deliveries');
  private readonly shutdown = new AbortController();

  constructor(
    private readonly client: WebhookClient,
    private readonly secrets: SigningSecrets,
    private readonly box: SecretBox,
    private readonly config: DeliveryConfig,
  ) {
    // Every attempt in flight listens.
    setMaxListeners(0, this.shutdown.signal);
  }

  /** Makes it, unless it is one too many, or too late. In an outage it is waited for the secrets until `isOver`. */
  async make(
    claim: DeliveryClaim,
    limits: RetryLimits,
    traceparent: string | null,
    isOver: () => boolean,
  ): Promise<Attempted> {
    const { delivery } = claim;
    if (isSpent(delivery, limits)) return { ...NOTHING_SENT, result: NOT_MADE };
    try {
      const secrets = await rideOut(
        () => this.secrets.of(delivery.accountId, delivery.endpointId),
        () => this.isLate(claim) || isOver(),
      );
      // Others may have made it meanwhile: the process was frozen, or PostgreSQL away.
      if (this.isLate(claim)) return { ...NOTHING_SENT, result: NOT_BEGUN };
      const { url, headers: own } = attemptDestination(this.box, claim);
      const profile = claim.endpoint?.profile ?? 'standard';
      const headers = attemptHeaders({ ...claim, profile }, { own, keys: secrets, traceparent });
      const request = {
        url,
        headers,
        body: delivery.body,
        clientCertificate: this.clientCertificate(claim),
      };
      return { url, headers, result: await this.client.attempt(request, this.shutdown.signal) };
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) return { ...NOTHING_SENT, result: NOT_BEGUN };
      // For instance a header sealed with a key that is gone: it must show in the log and end, not be tried for ever.
      this.logger.error({ msg: 'an attempt could not be made', delivery: delivery.id, error: String(error) });
      return { ...NOTHING_SENT, result: NOT_MADE };
    }
  }

  /** Cuts off those that are under way. */
  cutOff(): void {
    this.shutdown.abort();
  }

  /** Whether the lease may be over, or be so before a POST that begins now has its answer. */
  private isLate({ askedAt }: DeliveryClaim): boolean {
    return performance.now() - askedAt > (this.config.leaseS - this.config.timeoutS) * 1000;
  }

  private clientCertificate({ delivery, endpoint }: DeliveryClaim): string | undefined {
    if (!endpoint?.clientCertificate) return undefined;
    const { accountId: account, endpointId } = delivery;
    return this.box.open(endpoint.clientCertificate, {
      account,
      row: endpointId!,
      column: 'client_certificate',
    });
  }
}
