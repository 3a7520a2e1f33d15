import type { DataSource } from 'typeorm';

/** What a repeatable migration is called: each build has one, named by what it says. */
const REPEATABLE = /^Functions[0-9a-f]{12}9{13}$/;

/** The schema of a database beside that of this build. */
export interface SchemaState {
  /** Migrations of this build that were applied, in their order, and those that weren't. */
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied ones that this build doesn't know: a newer one made them. */
  readonly unknown: readonly string[];
  /** Whether another build made its functions after this one. */
  readonly hasOtherFunctions: boolean;
}

/** Reads it, and makes nothing: TypeORM's own way makes the table of migrations where there is none. */
export async function schemaState(dataSource: DataSource): Promise<SchemaState> {
  const known = dataSource.migrations.map(({ name, constructor }) => name ?? constructor.name);
  const there = await appliedMigrations(dataSource);
  return {
    applied: known.filter((name) => there.includes(name)),
    pending: known.filter((name) => !there.includes(name)),
    unknown: there.filter((name) => !known.includes(name) && !REPEATABLE.test(name)),
    hasOtherFunctions: !known.includes(there.findLast((name) => REPEATABLE.test(name)) ?? known[0]!),
  };
}

/** In the order in which they were applied. */
async function appliedMigrations(dataSource: DataSource): Promise<string[]> {
  const [table] = await dataSource.query<[{ there: boolean }]>(
    `SELECT to_regclass('migrations') IS NOT NULL AS there`,
  );
  if (!table.there) return [];
  const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM migrations ORDER BY id');
  return rows.map(({ name }) => name);
}
