import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AuditAction } from './audit-action.js';

/** One thing that was done, or several of a kind within a minute. */
@Entity('audit')
export class AuditEntity {
  /** `bigint` as text. */
  @PrimaryColumn({ name: 'id', type: 'bigint' })
  id: string;

  @Column({ name: 'at', type: 'timestamptz' })
  at: Date;

  @Column({ name: 'account_id', type: 'text', nullable: true })
  accountId: string | null;

  @Column({ name: 'actor_key_id', type: 'text', nullable: true })
  actorKeyId: string | null;

  @Column({ name: 'actor_name', type: 'text', nullable: true })
  actorName: string | null;

  @Column({ name: 'address', type: 'text', nullable: true })
  address: string | null;

  /** By which way an actor came; null is the API. */
  @Column({ name: 'via', type: 'text', nullable: true })
  via: 'console' | null;

  @Column({ name: 'action', type: 'text' })
  action: AuditAction;

  @Column({ name: 'target', type: 'text', nullable: true })
  target: string | null;

  @Column({ name: 'details', type: 'jsonb' })
  details: Record<string, unknown>;

  @Column({ name: 'sum_key', type: 'text', nullable: true })
  sumKey: string | null;
}
