import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataSourceOptions } from '../../ormconfig.js';
import { schemaDump } from '../../scripts/generate/schema.js';
import { connect } from '../../src/database/connection.js';
import { newDatabase, rowsOf } from '../support/database.js';

/** What the entities leave to the migrations: indexes, constraints, defaults and comments; and views, which they read. */
const LEFT_TO_MIGRATIONS =
  /^(CREATE|DROP) (UNIQUE )?INDEX |(ADD|DROP) CONSTRAINT |(SET|DROP) DEFAULT|^COMMENT ON |^ALTER TABLE "\w+_view" /;

/** Tables that only statements know: records and live rows, which entities read by the views, and what keeps them. */
const WITHOUT_ENTITY = [
  'attempt',
  'completion',
  'delivery',
  'delivery_end',
  'endpoint_disabling',
  'flow',
  'flow_note',
  'history_entry',
  'live_delivery',
  'live_operation',
  'live_poll',
  'operation',
  'operation_end',
  'record_partition',
  'undelivered',
];

describe('The schema', () => {
  let url: string;
  let dataSource: Awaited<ReturnType<typeof connect>>;

  beforeAll(async () => {
    url = await newDatabase();
    dataSource = await connect(dataSourceOptions(url, 2));
  });

  afterAll(() => dataSource.destroy());

  it('has every column as its entity describes it, and no other', async () => {
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    const changes = upQueries.map(({ query }) => query).filter((query) => !LEFT_TO_MIGRATIONS.test(query));
    expect(changes).toEqual([]);
  });

  it('has every column of an entity that is read by a view, with its type', async () => {
    const columns = await rowsOf<{ name: string }>(
      url,
      `SELECT format('%s.%s %s', table_name, column_name, data_type) AS name FROM information_schema.columns WHERE table_name ~ '_view$'`,
    );
    const types: Record<string, string> = { timestamptz: 'timestamp with time zone' };
    const described = dataSource.entityMetadatas
      .filter(({ tableName }) => tableName.endsWith('_view'))
      .flatMap(({ tableName, columns }) =>
        columns.map(
          ({ databaseName, type }) => `${tableName}.${databaseName} ${types[type as string] ?? String(type)}`,
        ),
      );
    expect(described.length).toBeGreaterThan(70);
    expect(columns.map(({ name }) => name)).toEqual(expect.arrayContaining(described));
  });

  it('has an entity for every table, or statements alone', async () => {
    const tables = await rowsOf<{ name: string }>(
      url,
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
         AND NOT relispartition AND relname <> 'migrations' ORDER BY relname`,
    );
    const known = dataSource.entityMetadatas.map(({ tableName }) => tableName);
    expect(tables.map(({ name }) => name)).toEqual(
      [...known.filter((name) => !name.endsWith('_view')), ...WITHOUT_ENTITY].sort(),
    );
  });

  it('is gone when every migration is reverted, and the same when they are run again', async () => {
    const before = await schemaDump(url);
    expect(before).toContain('CREATE TABLE operation (');
    for (let left = dataSource.migrations.length; left > 0; left--) await dataSource.undoLastMigration();
    expect((await schemaDump(url)).split('\n').filter((line) => !/^(--.*)?$/.test(line))).toEqual([]);
    await dataSource.runMigrations({ transaction: 'each' });
    expect(await schemaDump(url)).toBe(before);
  });
});
