import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataSourceOptions } from '../../ormconfig.js';
import { schemaDump } from '../../scripts/generate/schema.js';
import { connect } from '../../src/database/connection.js';
import { newDatabase, rowsOf } from '../support/database.js';

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

  it('numbers the accounts of an older version in the order of their creation', async () => {
    const numbered = () =>
      dataSource.query(
        "SELECT FROM information_schema.columns WHERE table_name = 'account' AND column_name = 'number'",
      );
    while ((await numbered()).length > 0) await dataSource.undoLastMigration();
    for (const [id, day] of [
      ['third', 3],
      ['first', 1],
      ['second', 2],
    ])
      await dataSource.query(
        `INSERT INTO account (id, name, slots, created_at) VALUES ($1, $1, 1, make_timestamptz(2020, 1, $2, 0, 0, 0))`,
        [id, day],
      );
    await dataSource.runMigrations({ transaction: 'each' });
    await dataSource.query(`INSERT INTO account (id, name, slots) VALUES ('next', 'next', 1)`);
    expect(await rowsOf(url, 'SELECT id, number::integer FROM account ORDER BY number')).toEqual([
      { id: 'first', number: 1 },
      { id: 'second', number: 2 },
      { id: 'third', number: 3 },
      { id: 'next', number: 4 },
    ]);
  });
});
