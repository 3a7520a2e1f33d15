import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/** What was booked and added up: operations accepted less those that retention deleted. One row. */
@Entity('ledger')
export class LedgerEntity {
  @PrimaryColumn({ name: 'one', type: 'boolean' })
  one: boolean;

  @Column({ name: 'accepted', type: 'bigint' })
  accepted: string;

  /** Those with a callback. */
  @Column({ name: 'destined', type: 'bigint' })
  destined: string;
}

/** Booked by the statement that accepts or deletes operations, so that no two of them wait for one row. */
@Entity('ledger_entry')
export class LedgerEntryEntity {
  @PrimaryGeneratedColumn('identity', { name: 'id', type: 'bigint' })
  id: string;

  @Column({ name: 'accepted', type: 'integer' })
  accepted: number;

  @Column({ name: 'destined', type: 'integer' })
  destined: number;
}
