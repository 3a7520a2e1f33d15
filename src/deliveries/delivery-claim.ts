import type { Rows } from '../database/rows.js';
import type { SignatureProfile } from '../signing/signature.js';
import { DeliveryEntity } from './delivery.entity.js';

/** What an attempt knows of its delivery: all but how it waited and what it took turns with. */
export type LeasedDelivery = Omit<
  DeliveryEntity,
  'lane' | 'receiver' | 'doubt' | 'state' | 'phase' | 'runAt' | 'dueAt' | 'dispatchedAt' | 'epoch'
>;

/** A delivery leased to this worker, with its attempt `attemptCount` already in the log as started. */
export interface DeliveryClaim {
  readonly delivery: LeasedDelivery;
  readonly leaseToken: string;
  /** PostgreSQL's clock at the claim. */
  readonly claimedAt: Date;
  /** This process's monotonic clock right before it: the lease began no earlier. */
  readonly askedAt: number;
  /** Its origin has never answered 2xx, or the receiver has gone silent. */
  readonly isDoubted: boolean;
  /** What its endpoint asks for; null for an operation's own callback. */
  readonly endpoint: {
    /** Sealed for the row of the endpoint. */
    readonly headers: string | null;
    /** Seconds before attempt 2, 3, …; null: the setting's. */
    readonly schedule: number[] | null;
    readonly profile: SignatureProfile;
    /** Sealed for the row of the endpoint. */
    readonly clientCertificate: string | null;
  } | null;
}

/** A record and its live row, with what its endpoint asks for. */
export interface ClaimRow {
  readonly lease_token: string;
  /** Of the record. */
  readonly made_for: string;
  /** Where its endpoint is now; null: where it was. */
  readonly url: string | null;
  readonly claimed_at: Date;
  readonly doubt: number;
  readonly endpoint_headers: string | null;
  readonly retry_schedule: number[] | null;
  readonly signature_profile: SignatureProfile | null;
  readonly client_certificate: string | null;
}

/** The claim of a row that was leased to this process, which had asked for it then. */
export function claimOf(rows: Rows, row: ClaimRow, askedAt: number): DeliveryClaim {
  return {
    delivery: { ...rows.to(DeliveryEntity, row), url: row.url ?? row.made_for },
    leaseToken: row.lease_token,
    claimedAt: row.claimed_at,
    askedAt,
    isDoubted: row.doubt === 2,
    endpoint: row.signature_profile && {
      headers: row.endpoint_headers,
      schedule: row.retry_schedule,
      profile: row.signature_profile,
      clientCertificate: row.client_certificate,
    },
  };
}
