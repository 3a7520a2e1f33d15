import { expect, it, vi } from 'vitest';
import { Database } from '../../src/database/database.js';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';

const TOMORROW = new Date(Date.now() + 86_400_000).toISOString();

it('an idle service takes no dispatch lock: one statement looks out for all loops', async () => {
  await using app = await App.start();
  const done = await app.client.submit({ type: 'echo', input: 1 });
  await app.client.ended(done.id);
  await app.client.submit({ type: 'echo', input: 2, run_at: TOMORROW });
  const asked: string[] = [];
  const query = vi.spyOn(Database.prototype, 'query');
  try {
    const looks = (): string[] =>
      query.mock.calls
        .map(([sql]) => sql)
        .filter((sql) => /due_0|dispatch_(operations|deliveries)|FROM recovery r/.test(sql));
    // What was still under way is over.
    await expect
      .poll(
        () =>
          looks()
            .slice(-5)
            .every((sql) => sql.includes('due_0')) && looks().length >= 5,
      )
      .toBe(true);
    query.mockClear();
    await expect.poll(() => looks().length, { timeout: 10_000 }).toBeGreaterThan(20);
    asked.push(...looks());
  } finally {
    query.mockRestore();
  }
  expect(asked.filter((sql) => !sql.includes('due_0'))).toEqual([]);
  expect(asked.some((sql) => sql.includes('due_2'))).toBe(true);
});

it('what comes due without a word, by its time or another process’s hand, is found at the next look', async () => {
  await using app = await App.start();
  const hidden = await app.client.submit({ type: 'echo', input: 1, run_at: TOMORROW });
  const scheduled = await app.client.submit({
    type: 'echo',
    input: 2,
    run_at: new Date(Date.now() + 700).toISOString(),
  });
  await rowsOf(
    app.databaseUrl,
    `UPDATE live_operation l SET run_at = now(), look_at = now(), due_at = now() FROM operation o WHERE o.request_id = l.request_id AND o.rid = $1`,
    [hidden.id],
  );
  for (const { id } of [hidden, scheduled])
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished' });
});
