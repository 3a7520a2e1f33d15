import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What signs an account's messages, in QStash's way. */
@Entity('message_key')
export class MessageKeyEntity {
  @PrimaryColumn({ name: 'account_id', type: 'text' })
  accountId: string;

  /** Sealed `sig_…`: it signs. */
  @Column({ name: 'current_key', type: 'text' })
  currentKey: string;

  /** Sealed `sig_…`: it signs from the next rotation on. */
  @Column({ name: 'next_key', type: 'text' })
  nextKey: string;

  @Column({ name: 'rotated_at', type: 'timestamptz' })
  rotatedAt: Date;
}
