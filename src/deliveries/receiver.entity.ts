import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What is known of one that deliveries go to: an endpoint, or an account's URL at an origin. */
@Entity('receiver')
export class ReceiverEntity {
  @PrimaryColumn({ name: 'lane', type: 'text' })
  lane: string;

  @PrimaryColumn({ name: 'receiver', type: 'bigint' })
  receiver: string;

  /** Whether its last attempt was answered, by any status; false: it was silent. */
  @Column({ name: 'answers', type: 'boolean' })
  answers: boolean;

  @Column({ name: 'known_at', type: 'timestamptz' })
  knownAt: Date;

  /** After an attempt without an answer it is not asked before. */
  @Column({ name: 'rests_until', type: 'timestamptz' })
  restsUntil: Date;
}
