import pg from 'pg';
import { type Column, multiplied, type Table } from './multiply.js';
import type { BenchOptions } from './options.js';
import type { Leftovers } from './processes.js';
import { type Helpers, Run } from './run.js';
import { startService, stopService } from './service.js';
import type { Side } from './turn.js';

/** Real operations, whose rows are copied. */
const SAMPLE = 1_000;
/** Copies a transaction. */
const BATCH = 20;

/**
 * Leaves a side's database with so many ended operations, their deliveries and attempts: some run through the service, and their
 * rows are copied by SQL. So they are what this revision makes of them, whatever its tables.
 */
export async function fillWithRecords(
  { name, build, dataDir, records }: Side,
  options: BenchOptions,
  helpers: Helpers,
  leftovers: Leftovers,
): Promise<void> {
  const startedAt = Date.now();
  // The queue that the sample goes through leaves nothing behind.
  const service = await startService({ ...options, profile: undefined }, leftovers, { build, dataDir });
  const client = new pg.Client({
    connectionString: service.postgres.url,
    application_name: 'ringback-bench',
  });
  // Its server ends when the bench is interrupted; the query under way tells that.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const sample = Math.min(SAMPLE, records);
    const before = await rowCounts(client);
    await new Run(service, options, helpers).complete(sample);
    const tables = await grownTables(client, before, sample);
    await copy(client, tables, sample, Math.ceil(records / sample) - 1, name);
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
    console.error(
      `${name}: ${tables.map((table) => table.name).join(', ')} filled in ${seconds(startedAt)} s`,
    );
  } finally {
    await client.end();
    await stopService(service, leftovers);
  }
}

async function copy(
  client: pg.Client,
  tables: readonly Table[],
  sample: number,
  copies: number,
  side: string,
): Promise<void> {
  // Foreign keys hold among the copies as among the originals; checking them takes time.
  await client.query('SET session_replication_role = replica; SET synchronous_commit = off');
  for (const { name } of tables)
    await client.query(`CREATE TEMP TABLE sample_${name} AS SELECT * FROM ${name}`);
  const span = await moveSequences(client, copies);
  for (let from = 1; from <= copies; from += BATCH) {
    const to = Math.min(copies, from + BATCH - 1);
    await client.query('BEGIN');
    for (const table of tables) await client.query(multiplied(table, sample, span), [from, to]);
    await client.query('COMMIT');
    if (to % (BATCH * 10) === 0) console.error(`${side}: ${((to + 1) * sample).toLocaleString('en-US')} …`);
  }
}

/** Puts every sequence behind the last copy; answers by how much numbers move up from copy to copy. */
async function moveSequences(client: pg.Client, copies: number): Promise<number> {
  const { rows } = await client.query<{ span: string }>(
    `SELECT max(last_value) + 1000 AS span FROM pg_sequences WHERE schemaname = current_schema()`,
  );
  const span = Number(rows[0]!.span);
  await client.query(
    `SELECT setval(format('%I.%I', schemaname, sequencename), last_value + $1::bigint)
     FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL`,
    [(copies + 1) * span],
  );
  // Revisions that part their records need room for the copies.
  const { rows: parting } = await client.query(`SELECT FROM pg_proc WHERE proname = 'make_partitions'`);
  if (parting.length > 0) await client.query('SELECT make_partitions()');
  return span;
}

async function rowCounts(client: pg.Client): Promise<Map<string, number>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
  );
  const counts = new Map<string, number>();
  for (const { name } of rows) {
    const counted = await client.query<{ count: string }>(`SELECT count(*) FROM ${name}`);
    counts.set(name, Number(counted.rows[0]!.count));
  }
  return counts;
}

/** The tables that have got about a row or more of each operation. */
async function grownTables(
  client: pg.Client,
  before: ReadonlyMap<string, number>,
  sample: number,
): Promise<Table[]> {
  const grown = [...(await rowCounts(client))].filter(
    ([name, count]) => count - (before.get(name) ?? 0) >= sample / 2,
  );
  const tables: Table[] = [];
  for (const [name] of grown) tables.push({ name, columns: await columnsOf(client, name) });
  return tables;
}

async function columnsOf(client: pg.Client, table: string): Promise<Column[]> {
  const { rows } = await client.query<{ name: string; type: string; unique: boolean }>(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type, EXISTS (
       SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey)) AS unique
     FROM pg_attribute a WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
     ORDER BY attnum`,
    [table],
  );
  const columns: Column[] = [];
  for (const column of rows) columns.push({ ...column, ...(await valuesOf(client, table, column)) });
  return columns;
}

async function valuesOf(
  client: pg.Client,
  table: string,
  { name, type }: Pick<Column, 'name' | 'type'>,
): Promise<Pick<Column, 'different' | 'examples'>> {
  if (!['bigint', 'text', 'uuid'].includes(type)) return { different: 0, examples: [] };
  const { rows } = await client.query<{ different: string; examples: string[] | null }>(
    `SELECT count(DISTINCT "${name}") AS different, (array_agg(left("${name}"::text, 100)))[:50] AS examples
     FROM ${table} WHERE "${name}" IS NOT NULL`,
  );
  return { different: Number(rows[0]!.different), examples: rows[0]!.examples ?? [] };
}

function seconds(since: number): string {
  return ((Date.now() - since) / 1000).toFixed(0);
}
