import { rowsOf } from './database.js';

/** Every row of every table, the queue's included, as one text: what a thief of the database would read. */
export async function everyRow(databaseUrl: string): Promise<string> {
  const texts = await Promise.all(
    (await tables(databaseUrl)).map((table) =>
      rowsOf<{ row: string }>(databaseUrl, `SELECT row_to_json(t)::text AS row FROM ${table} t`),
    ),
  );
  return texts
    .flat()
    .map(({ row }) => row)
    .join('\n');
}

/** How many rows the tables have that callers' requests write to. */
export async function rowCounts(databaseUrl: string): Promise<Record<string, number>> {
  const counted = [
    'operation',
    'history_entry',
    'idempotency_key',
    'delivery',
    'file',
    'account',
    'api_key',
    'signing_secret',
  ];
  const sql = counted.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join(', ');
  const [row] = await rowsOf<Record<string, number>>(databaseUrl, `SELECT ${sql}`);
  return row!;
}

async function tables(databaseUrl: string): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    databaseUrl,
    // Rows of a partition are those of its table.
    `SELECT c.oid::regclass::text AS name FROM pg_class c
     WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'bullmq')) AND c.relkind IN ('r', 'p') AND NOT c.relispartition`,
  );
  return rows.map(({ name }) => name);
}
