import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Role } from '../config/config.js';

/** A process of this installation, as it last described itself. */
@Entity('process')
export class ProcessEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'roles', type: 'text', array: true })
  roles: (Role | 'remote')[];

  @Column({ name: 'version', type: 'text' })
  version: string;

  @Column({ name: 'host', type: 'text' })
  host: string;

  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt: Date;

  @Column({ name: 'seen_at', type: 'timestamptz' })
  seenAt: Date;

  /** Operations that it may run at once. */
  @Column({ name: 'capacity', type: 'integer' })
  capacity: number;

  @Column({ name: 'running', type: 'integer' })
  running: number;

  /** Operation types that it runs. */
  @Column({ name: 'handlers', type: 'text', array: true })
  handlers: string[];
}
