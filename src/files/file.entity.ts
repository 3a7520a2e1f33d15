import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What is known of a stored file; its bytes are in the file storage under the same id. */
@Entity('file')
export class FileEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  @Column({ name: 'name', type: 'text' })
  name: string;

  @Column({ name: 'content_type', type: 'text' })
  contentType: string;

  /** Bytes. */
  @Column({ name: 'size', type: 'bigint' })
  size: string;

  @Column({ name: 'sha256', type: 'text' })
  sha256: string;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  /** Request id of the operation that stored it, and whose expiry it shares; null: an upload. */
  @Column({ name: 'operation_id', type: 'bigint', nullable: true })
  operationId: string | null;

  /** writing: its bytes are on their way; going: they are being deleted, the row last. */
  @Column({ name: 'phase', type: 'text' })
  phase: 'writing' | 'stored' | 'going';
}

/** A file that an operation's input names: kept as long as the operation may run. */
@Entity('file_use')
export class FileUseEntity {
  @PrimaryColumn({ name: 'operation_id', type: 'bigint' })
  operationId: string;

  @PrimaryColumn({ name: 'file_id', type: 'text' })
  fileId: string;
}
