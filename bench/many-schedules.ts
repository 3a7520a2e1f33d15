import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { parseSecretKeys } from '../src/config/secret-keys.js';
import { ScheduledOperations } from '../src/schedules/scheduled-operations.js';
import { SecretBox } from '../src/signing/secret-box.js';

/** Rows that one statement adds. */
const BATCH = 5_000;

/** Adds so many schedules that are like one that is there, each sealed for its own row: as many requests would take minutes. */
export async function copySchedules(
  databaseUrl: string,
  secretKeys: string,
  sampleId: string,
  count: number,
): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'ringback-bench' });
  await client.connect();
  try {
    const scheduled = new ScheduledOperations(new SecretBox(parseSecretKeys(secretKeys)));
    const { rows } = await client.query<{ id: string; accountId: string; operation: string }>(
      'SELECT id, account_id AS "accountId", operation FROM schedule WHERE id = $1',
      [sampleId],
    );
    const { accountId } = rows[0]!;
    const operation = scheduled.open(rows[0]!);
    for (let made = 0; made < count; made += BATCH) {
      const ids = Array.from(
        { length: Math.min(BATCH, count - made) },
        () => `sch_${randomBytes(16).toString('hex')}`,
      );
      await client.query(
        `INSERT INTO schedule (id, account_id, name, cron, every_s, at, time_zone, operation, missed, overlap, jitter_s, ends_at, created_at, next_tick, due_at, since)
         SELECT n.id, s.account_id, s.name, s.cron, s.every_s, s.at, s.time_zone, n.operation, s.missed, s.overlap, s.jitter_s, s.ends_at, s.created_at, s.next_tick, s.due_at, s.since
         FROM unnest($2::text[], $3::text[]) AS n (id, operation), schedule s WHERE s.id = $1`,
        [sampleId, ids, ids.map((id) => scheduled.seal(operation, { id, accountId }))],
      );
    }
  } finally {
    await client.end();
  }
}
