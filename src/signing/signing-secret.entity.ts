import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A secret that signs an account's callbacks; replaced ones co-sign until they expire. */
@Entity('signing_secret')
export class SigningSecretEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  /** Null for the account's own. */
  @Column({ name: 'endpoint_id', type: 'text', nullable: true })
  endpointId: string | null;

  @Column({ name: 'kind', type: 'text' })
  kind: 'hmac' | 'ed25519';

  /** Sealed `whsec_…` or `whsk_…`. */
  @Column({ name: 'secret', type: 'text' })
  secret: string;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  /** Null for the one that signs. */
  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt: Date | null;
}
