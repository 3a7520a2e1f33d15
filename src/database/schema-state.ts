import type { DataSource } from 'typeorm';
import { VERSION } from '../config/version.js';

/** What a repeatable migration is called: each build has one, named by what it says. */
const REPEATABLE = /^Functions[0-9a-f]{12}9{13}$/;

/** The schema of a database beside that of this build. */
export interface SchemaState {
  /** Migrations of this build that were applied, in their order, and those that weren't. */
  readonly applied: readonly string[];
  readonly pending: readonly string[];
  /** Applied ones that this build doesn't know: a newer one made them. */
  readonly unknown: readonly string[];
  /** The newer version that made them, and whether this one runs beside it; null where none says that it did. */
  readonly newer: Newer | null;
  /** Whether another build made its functions after this one. */
  readonly hasOtherFunctions: boolean;
}

/** A version newer than this one, as the schema that it made tells. */
export interface Newer {
  readonly version: string;
  /** The oldest version that runs beside it. */
  readonly oldest: string;
  readonly bears: boolean;
}

/** What migrations/functions.ts notes with the table of migrations. */
const NOTE = /^of Ringback (\S+); (\S+) and newer run on it$/;

/** Reads it, and makes nothing: TypeORM's own way makes the table of migrations where there is none. */
export async function schemaState(dataSource: DataSource): Promise<SchemaState> {
  const known = dataSource.migrations.map(({ name, constructor }) => name ?? constructor.name);
  const there = await appliedMigrations(dataSource);
  const newer = there.length === 0 ? null : await newerVersion(dataSource);
  return {
    newer,
    applied: known.filter((name) => there.includes(name)),
    // A newer version's functions stand in for this one's, which would be put over them.
    pending: known.filter((name) => !there.includes(name) && !(newer && REPEATABLE.test(name))),
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

async function newerVersion(dataSource: DataSource): Promise<Newer | null> {
  const [note] = await dataSource.query<[{ text: string | null }]>(
    `SELECT obj_description('migrations'::regclass) AS text`,
  );
  const [, version, oldest] = NOTE.exec(note.text ?? '') ?? [];
  if (version === undefined || oldest === undefined || compare(version, VERSION) <= 0) return null;
  return { version, oldest, bears: compare(oldest, VERSION) <= 0 };
}

/** By their numbers; what follows a hyphen doesn't count. */
function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('-', 1)[0]!.split('.').map(Number));
  const differs = [0, 1, 2].find((place) => left![place] !== right![place]);
  return differs === undefined ? 0 : left![differs]! - right![differs]!;
}
