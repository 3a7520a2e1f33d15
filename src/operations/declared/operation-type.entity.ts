import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An operation type that somebody declared: remote workers run it. */
@Entity('operation_type')
export class OperationTypeEntity {
  @PrimaryColumn({ name: 'name', type: 'text' })
  name: string;

  @Column({ name: 'title', type: 'text' })
  title: string;

  /** JSON Schema (draft 2020-12) as text, as it came. */
  @Column({ name: 'input_schema', type: 'text' })
  inputSchema: string;

  @Column({ name: 'tries', type: 'integer' })
  tries: number;

  @Column({ name: 'timeout_s', type: 'double precision' })
  timeoutS: number;

  /** JSON: `backoff_s`, `retry_on`, `no_retry_on`. */
  @Column({ name: 'retry', type: 'text' })
  retry: string;

  @Column({ name: 'path', type: 'text', nullable: true })
  path: string | null;

  @Column({ name: 'inline_ms', type: 'integer' })
  inlineMs: number;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
