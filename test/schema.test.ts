import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataSourceOptions } from '../ormconfig.js';
import { schemaDump } from '../scripts/generate/schema.js';
import { connect } from '../src/database/connection.js';
import { newDatabase, rowsOf } from './support/database.js';

/** What the entities leave to the migrations: indexes, constraints, defaults and comments. */
const LEFT_TO_MIGRATIONS =
  /^(CREATE|DROP) (UNIQUE )?INDEX |(ADD|DROP) CONSTRAINT |(SET|DROP) DEFAULT|^COMMENT ON /;

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

  it('has an entity for every table', async () => {
    const tables = await rowsOf<{ name: string }>(
      url,
      "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'migrations' ORDER BY relname",
    );
    expect(tables.map(({ name }) => name)).toEqual(
      dataSource.entityMetadatas.map(({ tableName }) => tableName).sort(),
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
