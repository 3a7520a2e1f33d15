import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Rows } from '../database/rows.js';
import { UrlGroupEntity } from './url-group.entity.js';

/** Every statement on URL groups. */
@Injectable()
export class UrlGroupStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
  ) {}

  /** Makes a group unless the account has `most` already, or one of that name; null then. */
  async create(
    { id, accountId, name, endpoints }: Pick<UrlGroupEntity, 'id' | 'accountId' | 'name' | 'endpoints'>,
    most: number,
  ): Promise<UrlGroupEntity | null> {
    return this.database.transaction(async (tx) => {
      // One at a time per account, so that the cap holds.
      await tx.query('SELECT id FROM account WHERE id = $1 FOR UPDATE', [accountId]);
      const [row] = await tx.query<object>(
        `INSERT INTO url_group (id, account_id, name, endpoints)
         SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM url_group WHERE account_id = $2) < $5
         ON CONFLICT (account_id, name) DO NOTHING RETURNING *`,
        [id, accountId, name, endpoints, most],
      );
      return row ? this.rows.to(UrlGroupEntity, row) : null;
    });
  }

  async find(accountId: string, name: string): Promise<UrlGroupEntity | null> {
    const [row] = await this.database.query<object>(
      'SELECT * FROM url_group WHERE account_id = $1 AND name = $2',
      [accountId, name],
    );
    return row ? this.rows.to(UrlGroupEntity, row) : null;
  }

  async list(accountId: string): Promise<UrlGroupEntity[]> {
    const rows = await this.database.query<object>(
      'SELECT * FROM url_group WHERE account_id = $1 ORDER BY name',
      [accountId],
    );
    return rows.map((row) => this.rows.to(UrlGroupEntity, row));
  }

  /** False where it was changed by somebody else since it was read, or is gone. */
  async change({ id, changes }: UrlGroupEntity, endpoints: string): Promise<boolean> {
    const rows = await this.database.query(
      `UPDATE url_group SET endpoints = $3, changes = changes + 1, updated_at = now()
       WHERE id = $1 AND changes = $2 RETURNING id`,
      [id, changes, endpoints],
    );
    return rows.length > 0;
  }

  /** False where it was changed by somebody else since it was read, or is gone. */
  async drop({ id, changes }: UrlGroupEntity): Promise<boolean> {
    const rows = await this.database.query(
      'DELETE FROM url_group WHERE id = $1 AND changes = $2 RETURNING id',
      [id, changes],
    );
    return rows.length > 0;
  }

  async remove(accountId: string, name: string): Promise<boolean> {
    const rows = await this.database.query(
      'DELETE FROM url_group WHERE account_id = $1 AND name = $2 RETURNING id',
      [accountId, name],
    );
    return rows.length > 0;
  }
}
