import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ringback } from '../support/command.js';
import { emptyDatabase, newDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

/** The URL of a database for a user who was granted nothing there, and lives as long as the scope. */
async function strangerTo(database: string) {
  const role = `test_${randomBytes(6).toString('hex')}`;
  await rowsOf(database, `CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  await rowsOf(database, 'REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  const { href: url } = Object.assign(new URL(database), { username: role, password: 'x' });
  const drop = (): Promise<unknown> => rowsOf(database, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
  return { role, url, [Symbol.asyncDispose]: async () => void (await drop()) };
}

/** What a start says that is refused. */
async function refusal(url: string): Promise<string> {
  await using service = await Service.spawn(sharedBy(url));
  await once(service.process, 'close');
  expect(service.process.exitCode).toBe(1);
  expect(service.output()).not.toMatch(/^ +at /m);
  return service.output();
}

describe('A user of PostgreSQL who lacks a right', { timeout: 60_000 }, () => {
  it('is told the GRANT by the first start, and by "ringback migrate"', async () => {
    const database = await emptyDatabase();
    await using stranger = await strangerTo(database);
    const { role, url } = stranger;
    const grant = `GRANT CREATE ON SCHEMA public TO ${role}`;
    const fault = `DATABASE_URL: the user ${role} may not make tables in the schema public: ${grant}`;
    const told = `${fault} (permission denied for schema public)`;
    expect(await refusal(url)).toContain(`\n${told}\n`);
    const refused = await ringback(['migrate'], { env: sharedBy(url) });
    expect(refused).toEqual({ code: 1, stdout: '', stderr: `ringback: ${told}\n` });
    // As it was told, and for the queue, which has a schema of its own.
    await rowsOf(database, grant);
    await rowsOf(database, `GRANT CREATE ON DATABASE ${new URL(database).pathname.slice(1)} TO ${role}`);
    expect(await ringback(['migrate'], { env: sharedBy(url) })).toMatchObject({ code: 0, stderr: '' });
  });

  it('is told so where the tables are another’s', async () => {
    await using stranger = await strangerTo(await newDatabase());
    const { role, url } = stranger;
    expect(await refusal(url)).toMatch(
      new RegExp(
        `^DATABASE_URL: .*; the user ${role} lacks SELECT, .* on .*; .* belong to .*: GRANT .* TO ${role} \\(permission denied for .*\\)$`,
        'm',
      ),
    );
  });
});
