import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { SignatureProfile } from '../signing/signature.js';
import type { EventType } from './events.js';

/** A callback URL that an account registered once. */
@Entity('endpoint')
export class EndpointEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

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

/** A job that sends an endpoint's exhausted deliveries again. It goes on where it was after a crash. */
@Entity('recovery')
export class RecoveryEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  @Column({ name: 'endpoint_id', type: 'text' })
  endpointId: string;

  @Column({ name: 'since', type: 'timestamptz' })
  since: Date;

  @Column({ name: 'until', type: 'timestamptz' })
  until: Date;

  /** The last delivery (seq) that was looked at. */
  @Column({ name: 'reached', type: 'bigint' })
  reached: string;

  @Column({ name: 'requeued', type: 'integer' })
  requeued: number;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  finishedAt: Date | null;
}
