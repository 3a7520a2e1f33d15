import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { SignatureProfile } from '../signing/signature.js';
import type { EventType } from './events.js';

/** How deliveries get to their receiver: they are POSTed to a URL, or wait until a consumer asks for them. */
export type EndpointMode = 'push' | 'pull';

/** A receiver that an account registered once: a callback URL, or a consumer that pulls. */
@Entity('endpoint')
export class EndpointEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  @Column({ name: 'mode', type: 'text' })
  mode: EndpointMode;

  /** Empty of a pull endpoint, as its origin. */
  @Column({ name: 'url', type: 'text' })
  url: string;

  @Column({ name: 'origin', type: 'text' })
  origin: string;

  @Column({ name: 'description', type: 'text' })
  description: string;

  @Column({ name: 'events', type: 'text', array: true })
  events: EventType[];

  /** Sealed JSON of `[{ key, value }]`. */
  @Column({ name: 'headers', type: 'text', nullable: true })
  headers: string | null;

  /** Seconds before attempt 2, 3, …; null: the setting's. */
  @Column({ name: 'retry_schedule', type: 'double precision', array: true, nullable: true })
  retrySchedule: number[] | null;

  @Column({ name: 'max_in_flight', type: 'integer', nullable: true })
  maxInFlight: number | null;

  @Column({ name: 'rate_per_s', type: 'double precision', nullable: true })
  ratePerS: number | null;

  /** Bytes: a larger body leaves the result out; null: the setting's. */
  @Column({ name: 'thin_over', type: 'integer', nullable: true })
  thinOver: number | null;

  @Column({ name: 'signature_profile', type: 'text' })
  signatureProfile: SignatureProfile;

  /** Sealed PEM of the certificate, its chain and its key that TLS shows the receiver. */
  @Column({ name: 'client_certificate', type: 'text', nullable: true })
  clientCertificate: string | null;

  /** For how many seconds what a consumer pulls is its own, unless it says otherwise; null: the default. */
  @Column({ name: 'lease_s', type: 'integer', nullable: true })
  leaseS: number | null;

  /** A pull endpoint is deleted so many seconds after it was last pulled; null: kept. */
  @Column({ name: 'ephemeral_s', type: 'integer', nullable: true })
  ephemeralS: number | null;

  /** When a consumer last asked, within some seconds; null: not yet, or it is no pull endpoint. */
  @Column({ name: 'pulled_at', type: 'timestamptz', nullable: true })
  pulledAt: Date | null;

  @Column({ name: 'disabled_at', type: 'timestamptz', nullable: true })
  disabledAt: Date | null;

  @Column({ name: 'disabled_reason', type: 'text', nullable: true })
  disabledReason: string | null;

  /** First failure after the last success; null while attempts succeed. */
  @Column({ name: 'failing_since', type: 'timestamptz', nullable: true })
  failingSince: Date | null;

  @Column({ name: 'rate_used_until', type: 'timestamptz' })
  rateUsedUntil: Date;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;
}

/** What is known of a destination's origin. */
@Entity('origin')
export class OriginEntity {
  @PrimaryColumn({ name: 'name', type: 'text' })
  name: string;

  /** When it first answered 2xx; until then it is asked slowly. */
  @Column({ name: 'proven_at', type: 'timestamptz', nullable: true })
  provenAt: Date | null;

  /** Its last 60 attempts while unproven, oldest first. */
  @Column({ name: 'asked_at', type: 'timestamptz', array: true })
  askedAt: Date[];

  /** After an attempt without an answer it is not asked before. */
  @Column({ name: 'rests_until', type: 'timestamptz' })
  restsUntil: Date;

  /** The only receiver that is known there; empty: there are others. */
  @Column({ name: 'receiver', type: 'text', nullable: true })
  receiver: string | null;
}

/** A job that brings deliveries forward: an endpoint's, or operations' own callbacks. It goes on where it was after a crash. */
@Entity('recovery')
export class RecoveryEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  /** Null: of the account's operations' own callbacks. */
  @Column({ name: 'endpoint_id', type: 'text', nullable: true })
  endpointId: string | null;

  @Column({ name: 'since', type: 'timestamptz' })
  since: Date;

  @Column({ name: 'until', type: 'timestamptz' })
  until: Date;

  /** Only what was given up for this; null: for whatever. */
  @Column({ name: 'reason', type: 'text', nullable: true })
  reason: string | null;

  /** Also what waits for its next attempt. */
  @Column({ name: 'pending', type: 'boolean' })
  pending: boolean;

  /** As counted when it began. */
  @Column({ name: 'found', type: 'integer' })
  found: number;

  /** Brought forward so far. */
  @Column({ name: 'requeued', type: 'integer' })
  requeued: number;

  @Column({ name: 'state', type: 'text' })
  state: 'running' | 'finished' | 'canceled';

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  finishedAt: Date | null;
}

/** The deliveries of a recovery that take turns together: an endpoint's, or those to one origin. */
@Entity('recovery_lane')
export class RecoveryLaneEntity {
  @PrimaryColumn({ name: 'recovery_id', type: 'text' })
  recoveryId: string;

  @PrimaryColumn({ name: 'lane', type: 'text' })
  lane: string;

  /** The last delivery (seq) that was looked at. */
  @Column({ name: 'reached', type: 'bigint' })
  reached: string;

  @Column({ name: 'done', type: 'boolean' })
  done: boolean;
}
