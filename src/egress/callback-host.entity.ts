import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A host name that an account has had called, or asked to; only a name it hasn't is a new one. */
@Entity('callback_host')
export class CallbackHostEntity {
  @PrimaryColumn({ name: 'account_id', type: 'text' })
  accountId: string;

  @PrimaryColumn({ name: 'name', type: 'text' })
  name: string;

  @Column({ name: 'first_used_at', type: 'timestamptz' })
  firstUsedAt: Date;
}
