import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What an outage owes: none of the ticks that came meanwhile, the last one, or all. */
export const MISSED = ['skip', 'once', 'all'] as const;
/** What becomes of a tick while the operation of the one before hasn't ended. */
export const OVERLAPS = ['allow', 'skip'] as const;

/** Operations that are submitted at times known beforehand. */
@Entity('schedule')
export class ScheduleEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  @Column({ name: 'name', type: 'text' })
  name: string;

  @Column({ name: 'cron', type: 'text', nullable: true })
  cron: string | null;

  @Column({ name: 'every_s', type: 'double precision', nullable: true })
  everyS: number | null;

  @Column({ name: 'at', type: 'timestamptz', nullable: true })
  at: Date | null;

  /** IANA name. */
  @Column({ name: 'time_zone', type: 'text' })
  timeZone: string;

  /** Sealed JSON of a `ScheduledOperation`. */
  @Column({ name: 'operation', type: 'text' })
  operation: string;

  /** The least `KNOWN` of a process that submits all of it: others leave its ticks alone. */
  @Column({ name: 'since', type: 'smallint' })
  since: number;

  @Column({ name: 'missed', type: 'text' })
  missed: (typeof MISSED)[number];

  @Column({ name: 'overlap', type: 'text' })
  overlap: (typeof OVERLAPS)[number];

  @Column({ name: 'jitter_s', type: 'double precision' })
  jitterS: number;

  @Column({ name: 'ends_at', type: 'timestamptz', nullable: true })
  endsAt: Date | null;

  /** From when `every_s` counts. */
  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  /** How often it was changed. */
  @Column({ name: 'changes', type: 'integer' })
  changes: number;

  @Column({ name: 'paused_at', type: 'timestamptz', nullable: true })
  pausedAt: Date | null;

  /** The first tick of which nothing has become yet; null where none is left, or it is paused. */
  @Column({ name: 'next_tick', type: 'timestamptz', nullable: true })
  nextTick: Date | null;

  @Column({ name: 'due_at', type: 'timestamptz', nullable: true })
  dueAt: Date | null;

  @Column({ name: 'last_tick', type: 'timestamptz', nullable: true })
  lastTick: Date | null;

  /** Request id of what its last tick submitted. */
  @Column({ name: 'last_operation', type: 'bigint', nullable: true })
  lastOperation: string | null;

  /** The last tick of which no operation has become, and why. */
  @Column({ name: 'skipped_tick', type: 'timestamptz', nullable: true })
  skippedTick: Date | null;

  @Column({ name: 'skipped_reason', type: 'text', nullable: true })
  skippedReason: string | null;
}
