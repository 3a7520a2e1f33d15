import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Scope } from './scopes.js';

/** A tenant: owns keys, operations and deliveries. */
@Entity('account')
export class AccountEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  /** From 1, in the order in which accounts were made; `bigint` as text. */
  @Column({ name: 'number', type: 'bigint', unique: true })
  number: string;

  @Column({ name: 'name', type: 'text', unique: true })
  name: string;

  /** How many of its operations may be Executing at once. */
  @Column({ name: 'slots', type: 'integer' })
  slots: number;

  /** Bytes that it may have stored, `bigint` as text; 0 for any, null where the setting rules, as in the next two. */
  @Column({ name: 'quota_bytes', type: 'bigint', nullable: true })
  quotaBytes: string | null;

  /** Operations that it may have Waiting. */
  @Column({ name: 'quota_waiting', type: 'integer', nullable: true })
  quotaWaiting: number | null;

  /** Requests that it may make a second, per process. */
  @Column({ name: 'requests_per_s', type: 'double precision', nullable: true })
  requestsPerS: number | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  /** Since when its keys are refused. */
  @Column({ name: 'disabled_at', type: 'timestamptz', nullable: true })
  disabledAt: Date | null;

  /** Nobody finds it any more; housekeeping deletes what it has. */
  @Column({ name: 'deleted_at', type: 'timestamptz', nullable: true })
  deletedAt: Date | null;
}

/** A key of an account; only its SHA-256 is kept. */
@Entity('api_key')
export class ApiKeyEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  @Column({ name: 'name', type: 'text' })
  name: string;

  @Column({ name: 'hash', type: 'text', unique: true })
  hash: string;

  @Column({ name: 'scopes', type: 'text', array: true })
  scopes: Scope[];

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  /** To about a minute; null where it was never used. */
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt: Date | null;
}

/** A token that stands for a key until it has been idle for long; only its SHA-256 is kept. */
@Entity('auth_token')
export class AuthTokenEntity {
  @PrimaryColumn({ name: 'hash', type: 'text' })
  hash: string;

  @Column({ name: 'key_id', type: 'text' })
  keyId: string;

  @Column({ name: 'used_at', type: 'timestamptz' })
  usedAt: Date;
}

/** Somebody who has logged in to the console with a key; only the SHA-256 of the token is kept. */
@Entity('console_session')
export class ConsoleSessionEntity {
  @PrimaryColumn({ name: 'hash', type: 'text' })
  hash: string;

  @Column({ name: 'key_id', type: 'text' })
  keyId: string;

  @Column({ name: 'began_at', type: 'timestamptz' })
  beganAt: Date;

  @Column({ name: 'used_at', type: 'timestamptz' })
  usedAt: Date;
}
