import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One row: how far the sealed values have been sealed anew with the first secret key. */
@Entity('resealing')
export class ResealingEntity {
  @PrimaryColumn({ name: 'one', type: 'boolean' })
  one: boolean;

  /** The first key at the beginning of this walk. */
  @Column({ name: 'key_id', type: 'text' })
  keyId: string;

  @Column({ name: 'source', type: 'integer' })
  source: number;

  @Column({ name: 'reached', type: 'text', nullable: true })
  reached: string | null;

  /** Values of this walk that are still sealed with another key. */
  @Column({ name: 'left_over', type: 'integer' })
  leftOver: number;

  /** When the next walk begins; null while one is on its way. */
  @Column({ name: 'due_at', type: 'timestamptz', nullable: true })
  dueAt: Date | null;
}
