import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Functions } from '../../migrations/functions.js';
import { LAST_RELEASE } from '../../migrations/last-release.js';
import { dataSourceOptions } from '../../ormconfig.js';
import { shapeOf } from '../../scripts/generate/shape.js';
import { brokenPromises, longLocks } from '../../scripts/upgrade/rules.js';
import { connect } from '../../src/database/connection.js';
import { schemaState } from '../../src/database/schema-state.js';
import { emptyDatabase, newDatabase, rowsOf } from '../support/database.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const released = readFileSync(`${ROOT}/sql/released.txt`, 'utf8').split('\n').filter(Boolean);

/** Lines of sql/released.txt, or of today, that break a rule and no old process; each with its reason. */
const THOUGHT_ABOUT = new Set<string>([]);

describe('A process of the last release', () => {
  it('finds all that it relies on in today’s schema, and may write the rows that it writes', async () => {
    expect(brokenPromises(released, await shapeOf(await newDatabase()), THOUGHT_ABOUT)).toEqual([]);
  });

  it('is never held up by a migration for as long as there are records', async () => {
    const records = await rowsOf<{ name: string }>(
      await newDatabase(),
      `SELECT relname AS name FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace`,
    );
    const names = new Set(records.map(({ name }) => name));
    expect(names).toContain('operation');
    const files = [
      ...readdirSync(`${ROOT}/sql/changes`).map((file) => `sql/changes/${file}`),
      ...readdirSync(`${ROOT}/migrations`)
        .filter((file) => /^\d+-/.test(file) && !file.endsWith('-foundation.ts'))
        .map((file) => `migrations/${file}`),
    ];
    for (const file of files)
      expect([file, longLocks(upOf(readFileSync(`${ROOT}/${file}`, 'utf8')), names)]).toEqual([file, []]);
  });

  it('that is started on a database it has never seen leaves today’s functions as they are', async () => {
    const database = await emptyDatabase();
    const dataSource = await connect(dataSourceOptions(database, 2));
    try {
      const names = await rowsOf<{ name: string }>(database, 'SELECT name FROM migrations ORDER BY id');
      expect(names.map(({ name }) => name)).toContain(LAST_RELEASE.functions);
      expect(names.at(-1)!.name).toBe(new Functions().name);
      expect(await schemaState(dataSource)).toMatchObject({
        pending: [],
        unknown: [],
        hasOtherFunctions: false,
        newer: null,
      });
    } finally {
      await dataSource.destroy();
    }
  });

  it.runIf(git('tag', '--list', `v${LAST_RELEASE.version}`) !== '')('is the one of the last tag', () => {
    expect(git('rev-parse', `v${LAST_RELEASE.version}^{commit}`)).toBe(LAST_RELEASE.commit);
    // The commit of a tag itself still knows the one before; a shallow clone may know none.
    expect(['', `v${LAST_RELEASE.version}`]).toContain(
      git('describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD^'),
    );
  });
});

describe('A process of this build', () => {
  it('runs on the schema of a newer version that bears it, and is refused by one that does not', async () => {
    const database = await newDatabase();
    const note = (text: string): Promise<unknown> =>
      rowsOf(database, `COMMENT ON TABLE migrations IS '${text}'`);
    const start = async (): Promise<void> => (await connect(dataSourceOptions(database, 2))).destroy();
    await note('of Ringback 99.1.0; 0.1.0 and newer run on it');
    // Its own functions would not be the newer version's.
    await rowsOf(database, `DELETE FROM migrations WHERE name LIKE 'Functions%'`);
    await start();
    expect(await rowsOf(database, `SELECT name FROM migrations WHERE name LIKE 'Functions%'`)).toEqual([]);
    await note('of Ringback 99.1.0; 99.0.0 and newer run on it');
    await expect(start()).rejects.toThrow(
      /is of Ringback 99\.1\.0, beside which 99\.0\.0 and newer run, and this is/,
    );
  });
});

describe('The rules find', () => {
  const before = [
    'column a.id bigint NOT NULL',
    'column a.state text NOT NULL filled',
    'column a.text text',
    "constraint a(state) CHECK (state = ANY (ARRAY['x'::text, 'y'::text]))",
    'function f(given json) RETURNS bigint',
    'view v.id bigint',
  ];
  it.each([
    ['a column that is gone', before.with(2, 'view x.y text'), /gone: column a\.text/],
    ['another type', before.with(0, 'column a.id text NOT NULL'), /a\.id was bigint and is text/],
    ['a column that must be filled', [...before, 'column a.more text NOT NULL'], /don't fill: a\.more/],
    [
      'one that may not be NULL any more',
      before.with(2, 'column a.text text NOT NULL'),
      /may be NULL no longer/,
    ],
    ['a default that is gone', before.with(1, 'column a.state text NOT NULL'), /is filled by nobody/],
    [
      'a function that answers otherwise',
      before.with(4, 'function f(given json) RETURNS text'),
      /gone or changed: function f/,
    ],
    [
      'a function that is called another way',
      before.with(4, 'function f(given jsonb) RETURNS bigint'),
      /function f\(given json\)/,
    ],
    [
      'two forms that PostgreSQL could not choose from',
      [...before, 'function f(given jsonb, more text), the last 1 optional, RETURNS bigint'],
      /two forms of f/,
    ],
    ['a column that a view has no more', before.toSpliced(5), /gone or changed: view v\.id/],
    [
      'a constraint',
      [...before, 'constraint a(text) CHECK (text > 1)'],
      /may not be like this: constraint a\(text\)/,
    ],
    ['a unique index', [...before, 'unique a(state text)  USING btree'], /may not be like this: unique a/],
  ])('%s', (_, today, expected) => {
    expect(brokenPromises(before, today)).toEqual([expect.stringMatching(expected)]);
  });

  it('nothing in what is only more', () => {
    const today = [
      ...before,
      'column a.more text',
      'column a.filled text NOT NULL filled',
      'constraint a(more) CHECK (more > 1)',
      'column b.id bigint NOT NULL',
      'constraint b(id) PRIMARY KEY (id)',
      'function f(given json, more text) RETURNS bigint',
    ];
    expect(brokenPromises(before, today)).toEqual([]);
    const wider = before.with(
      3,
      "constraint a(state) CHECK (state = ANY (ARRAY['y'::text, 'x'::text, 'z'::text]))",
    );
    expect(brokenPromises(before, wider)).toEqual([]);
    expect(brokenPromises(wider, before)).toHaveLength(2);
    expect(brokenPromises(before, before.toSpliced(5), new Set(['view v.id bigint']))).toEqual([]);
  });

  it.each([
    'CREATE INDEX i ON operation (id)',
    'CREATE UNIQUE INDEX IF NOT EXISTS i ON operation (id)',
    'ALTER TABLE operation ALTER COLUMN a TYPE bigint',
    'ALTER TABLE operation ADD COLUMN b text, ALTER a SET NOT NULL',
    'ALTER TABLE operation ADD CONSTRAINT c CHECK (a > 1)',
    'ALTER TABLE operation ADD COLUMN a uuid DEFAULT gen_random_uuid()',
    'UPDATE operation SET a = 1',
    'TRUNCATE operation',
  ])('the lock of: %s', (sql) => {
    expect(longLocks(`SELECT 1;\n${sql};`, new Set(['operation']))).toHaveLength(1);
    expect(longLocks(sql, new Set(['account']))).toEqual([]);
  });

  it.each([
    'CREATE INDEX i ON ONLY operation (id)',
    'CREATE INDEX CONCURRENTLY i ON operation (id)',
    'ALTER TABLE operation ADD COLUMN a text, ADD COLUMN b timestamptz DEFAULT now()',
    'ALTER TABLE operation ADD CONSTRAINT c CHECK (a > 1) NOT VALID',
    'CREATE FUNCTION f() AS $$ SELECT 1 FROM operation $$',
  ])('no long lock in: %s', (sql) => {
    expect(longLocks(sql, new Set(['operation']))).toEqual([]);
  });
});

/** Without the way back, which no deployment takes. */
function upOf(text: string): string {
  return text.split('async down(', 1)[0]!;
}

/** Nothing where there is no git, or no tag in this clone. */
function git(...args: string[]): string {
  try {
    return execFileSync('git', args, {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
