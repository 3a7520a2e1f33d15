import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/** What was booked and added up, less what was deleted. */
@Entity('ledger')
export class LedgerEntity {
  /** Empty where it isn't told apart. */
  @PrimaryColumn({ name: 'type', type: 'text' })
  type: string;

  /** Of operations or of their own callbacks; empty for `accepted`. */
  @PrimaryColumn({ name: 'state', type: 'text' })
  state: string;

  /** Operations accepted. */
  @Column({ name: 'accepted', type: 'bigint' })
  accepted: string;

  /** Operations that ended. */
  @Column({ name: 'ended', type: 'bigint' })
  ended: string;

  /** Those of them that have a callback. */
  @Column({ name: 'destined', type: 'bigint' })
  destined: string;

  /** Callbacks that ended. */
  @Column({ name: 'callbacks', type: 'bigint' })
  callbacks: string;
}

/** Booked by the statement that accepts, ends or deletes, so that no two of them wait for one row. */
@Entity('ledger_entry')
export class LedgerEntryEntity {
  @PrimaryGeneratedColumn('identity', { name: 'id', type: 'bigint' })
  id: string;

  @Column({ name: 'type', type: 'text' })
  type: string;

  @Column({ name: 'state', type: 'text' })
  state: string;

  @Column({ name: 'accepted', type: 'integer' })
  accepted: number;

  @Column({ name: 'ended', type: 'integer' })
  ended: number;

  @Column({ name: 'destined', type: 'integer' })
  destined: number;

  @Column({ name: 'callbacks', type: 'integer' })
  callbacks: number;
}
