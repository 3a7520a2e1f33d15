import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Queryable } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { SecretBox } from '../signing/secret-box.js';

/** What signs an account's messages now, and what will after the next rotation. */
export interface MessageKeys {
  readonly current: string;
  readonly next: string;
}

interface KeyRow {
  readonly account_id: string;
  readonly current_key: string;
  readonly next_key: string;
}

/**
 * The keys that sign an account's messages, sealed at rest. Nothing is cached: a process that signed with an old key for a while after
 * a rotation would be refused by receivers that have the new ones.
 */
@Injectable()
export class MessageKeyStore {
  private readonly reads = new GroupCommit((accountIds: string[]) => this.readMany(accountIds));

  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  /** Those of an account, which gets its first ones where it has none. */
  async of(accountId: string): Promise<MessageKeys> {
    const keys = await this.reads.add(accountId);
    if (keys) return keys;
    await this.insert(accountId);
    return (await this.reads.add(accountId))!;
  }

  /** The next key signs from now on, and there is a new next one. Answers both. */
  async rotate(accountId: string): Promise<MessageKeys> {
    await this.of(accountId);
    return this.database.transaction(async (tx) => {
      const [row] = await tx.query<KeyRow>('SELECT * FROM message_key WHERE account_id = $1 FOR UPDATE', [
        accountId,
      ]);
      const keys = { current: this.open(row!).next, next: newKey() };
      await this.write(tx, accountId, keys);
      return keys;
    });
  }

  private async write(tx: Queryable, accountId: string, keys: MessageKeys): Promise<void> {
    const { current, next } = this.seal(accountId, keys);
    await tx.query(
      'UPDATE message_key SET current_key = $2, next_key = $3, rotated_at = now() WHERE account_id = $1',
      [accountId, current, next],
    );
  }

  private async insert(accountId: string): Promise<void> {
    const { current, next } = this.seal(accountId, { current: newKey(), next: newKey() });
    await this.database.query(
      'INSERT INTO message_key (account_id, current_key, next_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
      [accountId, current, next],
    );
  }

  private async readMany(accountIds: string[]): Promise<(MessageKeys | null)[]> {
    const rows = await this.database.query<KeyRow>(
      'SELECT account_id, current_key, next_key FROM message_key WHERE account_id = ANY ($1)',
      [[...new Set(accountIds)]],
    );
    const found = new Map(rows.map((row) => [row.account_id, this.open(row)]));
    return accountIds.map((id) => found.get(id) ?? null);
  }

  private seal(account: string, { current, next }: MessageKeys): MessageKeys {
    return {
      current: this.box.seal(current, { account, row: account, column: 'message_key' }),
      next: this.box.seal(next, { account, row: account, column: 'next_message_key' }),
    };
  }

  private open({ account_id: account, current_key, next_key }: KeyRow): MessageKeys {
    return {
      current: this.box.open(current_key, { account, row: account, column: 'message_key' }),
      next: this.box.open(next_key, { account, row: account, column: 'next_message_key' }),
    };
  }
}

function newKey(): string {
  return `sig_${randomBytes(24).toString('base64url')}`;
}
