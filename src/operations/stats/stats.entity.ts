import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Counts of records, added up by minute and by hour. */
@Entity('stats')
export class StatsEntity {
  /** `*`: of all accounts together. */
  @PrimaryColumn({ name: 'account_id', type: 'text' })
  accountId: string;

  /** Seconds: a minute or an hour. */
  @PrimaryColumn({ name: 'step', type: 'integer' })
  step: number;

  /** What is counted. */
  @PrimaryColumn({ name: 'what', type: 'text' })
  what: string;

  /** When the minute or the hour began. */
  @PrimaryColumn({ name: 'at', type: 'timestamptz' })
  at: Date;

  /** Which type, code, origin or duration; empty: all. */
  @PrimaryColumn({ name: 'value', type: 'text' })
  value: string;

  @Column({ name: 'count', type: 'bigint' })
  count: string;
}

/** One row: up to which records they are added up. */
@Entity('stats_reached')
export class StatsReachedEntity {
  @PrimaryColumn({ name: 'one', type: 'boolean' })
  one: boolean;

  @Column({ name: 'request_id', type: 'bigint' })
  requestId: string;

  @Column({ name: 'feed_id', type: 'bigint' })
  feedId: string;

  /** The last numbers that were given at `notedAt`. */
  @Column({ name: 'next_request_id', type: 'bigint' })
  nextRequestId: string;

  @Column({ name: 'next_feed_id', type: 'bigint' })
  nextFeedId: string;

  @Column({ name: 'noted_at', type: 'timestamptz' })
  notedAt: Date;

  /** The transaction that noted it. */
  @Column({ name: 'noted_before', type: 'bigint' })
  notedBefore: string;
}
