import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { SecretBox } from '../signing/secret-box.js';
import { SealedValues } from '../signing/sealed-values.store.js';

/** How long until the values are looked at again, which a process that still sealed with an older key may have left. */
const AGAIN = "interval '1 day'";
/** Some belonged to operations that ran. */
const SOON = "interval '1 hour'";

/** Walks over all sealed values after a rotation of the secret keys. How far it is, is in a row: another process goes on. */
@Injectable()
export class Resealing {
  private readonly logger = new Logger('Housekeeping');

  constructor(
    private readonly database: Database,
    private readonly values: SealedValues,
    private readonly box: SecretBox,
  ) {}

  /** One step of at most `most` rows; answers `most` while there are more, else 0. With one key alone there is nothing to do. */
  async sweep(most: number): Promise<number> {
    if (!this.box.hasOlderKeys) return 0;
    const first = this.box.firstKeyId;
    const [row] = await this.database.query<{ source: number; reached: string | null }>(
      `WITH begun AS (
         UPDATE resealing SET key_id = $1, source = 0, reached = NULL, left_over = 0, due_at = NULL
         WHERE key_id <> $1 OR due_at <= now() RETURNING source, reached
       )
       SELECT * FROM begun UNION ALL
       SELECT source, reached FROM resealing WHERE due_at IS NULL AND key_id = $1 AND NOT EXISTS (SELECT FROM begun)`,
      [first],
    );
    if (!row) return 0;
    const { next, left } = await this.values.walk(row, most);
    const leftHere = [...left.values()].reduce((sum, count) => sum + count, 0);
    const [went] = await this.database.query<{ left_over: number }>(
      `UPDATE resealing SET source = coalesce($2, source), reached = $3, left_over = left_over + $4,
         due_at = CASE WHEN $2::integer IS NULL THEN now() + CASE left_over + $4 WHEN 0 THEN ${AGAIN} ELSE ${SOON} END END
       WHERE key_id = $1 AND source = $5 AND reached IS NOT DISTINCT FROM $6 RETURNING left_over`,
      [first, next?.source ?? null, next?.reached ?? null, leftHere, row.source, row.reached],
    );
    // Another process was quicker.
    if (!went) return 0;
    if (next) return most;
    this.logger.log({ msg: 'sealed values looked through', sealed_with: first, left_over: went.left_over });
    return 0;
  }
}
