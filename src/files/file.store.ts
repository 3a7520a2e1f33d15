import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { FileEntity } from './file.entity.js';
import type { StoredFile } from './files.service.js';

/** Every statement on files. */
@Injectable()
export class FileStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  async add(file: StoredFile & { accountId: string; expiresAt: Date | null }): Promise<void> {
    await this.database.query(
      'INSERT INTO file (id, account_id, name, content_type, size, sha256, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)',
      [file.id, file.accountId, file.name, file.contentType, file.size, file.sha256, file.expiresAt],
    );
  }

  /** Null also when the file has expired. */
  async find(accountId: string, id: string): Promise<FileEntity | null> {
    const [row] = await this.database.query<object>(
      'SELECT * FROM file WHERE account_id = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now())',
      [accountId, id],
    );
    return row ? this.rows.to(FileEntity, row) : null;
  }

  async remove(accountId: string, id: string): Promise<boolean> {
    const rows = await this.database.query(
      'DELETE FROM file WHERE account_id = $1 AND id = $2 RETURNING id',
      [accountId, id],
    );
    return rows.length > 0;
  }
}
