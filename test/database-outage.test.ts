import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  type OperationContext,
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../src/index.js';
import { App } from './support/app.js';
import { FragileDatabase } from './support/database-outage.js';
import { UpstreamApi } from './support/upstream.js';

/** Resolves when the test says so. */
class Gate {
  open!: () => void;
  readonly passed = new Promise<void>((resolve) => (this.open = resolve));
}
let begun = new Gate();
let away = new Gate();

/** Does everything that a handler can ask of its context while PostgreSQL is away. */
@OperationType<{ file: string }>({ name: 'test.copy', title: 'Copy a file', tries: 1 })
class CopyHandler implements OperationHandler<{ file: string }> {
  async run({ file }: { file: string }, context: OperationContext): Promise<OperationOutcome> {
    begun.open();
    await away.passed;
    context.log('a line of the outage');
    context.progress(40, 'copying');
    const { stream, name, contentType } = await context.openFile(file);
    const copy = Readable.from([`copy of ${await text(stream)}`]);
    return { file: (await context.saveFile(copy, { name, contentType })).id };
  }
}
@Module({ providers: [CopyHandler] })
class CopyModule {}

describe('An operation whose PostgreSQL goes away', { timeout: 60_000 }, () => {
  it('keeps the answer of an upstream that was asked once, and ends with it', async () => {
    await using database = await FragileDatabase.create();
    await using app = await App.start({ database: { url: database.url }, operations: { leaseS: 30 } });
    let answered = 0;
    await using upstream = await UpstreamApi.answering((response, { body }) => {
      response.once('finish', () => answered++);
      setTimeout(() => response.end(`answer to ${body}`), 3_000);
    });
    const ids = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const input = { method: 'POST', url: upstream.url, body: `${n}` };
        return (await app.client.submit({ type: 'http.request', input })).id as string;
      }),
    );
    await expect.poll(() => upstream.seen.length, { timeout: 10_000 }).toBe(10);
    database.goAway();
    await expect.poll(() => answered, { timeout: 10_000 }).toBe(10);
    // The bytes are there, and only their rows wait.
    await expect.poll(() => storedIn(app), { timeout: 10_000 }).toBe(10);
    database.comeBack();
    for (const [n, id] of ids.entries()) {
      const ended = await app.client.ended(id, 30);
      expect(ended).toMatchObject({ status: 'Finished', attempt: 1, result: { status: 200 } });
      const { text: answer } = await app.client.get(`/v1/operations/${id}/result`);
      expect(answer).toBe(`answer to ${n}`);
    }
    expect(upstream.seen).toHaveLength(10);
  });

  it('opens and stores files, and tells its progress and lines, when that is back, within the same try', async () => {
    [begun, away] = [new Gate(), new Gate()];
    await using database = await FragileDatabase.create();
    await using app = await App.start({ database: { url: database.url } }, [CopyModule]);
    const { body: file } = await app.client.request('POST', '/v1/files?name=a.txt', Buffer.from('text'), {
      'content-type': 'text/plain',
    });
    const { id } = await app.client.submit({ type: 'test.copy', input: { file: file.id } });
    await begun.passed;
    database.goAway();
    away.open();
    // Asked for the file, it is refused by then.
    await expect.poll(() => app.client.get('/v1/files/file_none').then(({ status }) => status)).toBe(503);
    database.comeBack();
    expect(await app.client.ended(id, 30)).toMatchObject({ status: 'Finished', attempt: 1 });
    const { text: copy } = await app.client.get(`/v1/operations/${id}/result`);
    expect(copy).toBe('copy of text');
    const { body: history } = await app.client.get(`/v1/operations/${id}/history`);
    const lines = history.data.map((entry: { text: string }) => entry.text);
    expect(lines).toEqual(expect.arrayContaining(['a line of the outage', 'copying']));
  });
});

/** How many files are whole in the app's folder. */
async function storedIn(app: App): Promise<number> {
  const { folder } = app.config.files;
  if (!existsSync(folder)) return 0;
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((path) => /file_[0-9a-f]{32}$/.test(path)).length;
}
