import { randomBytes } from 'node:crypto';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import ExampleHandlersModule from '../../examples/handlers.js';
import { MAX_FILE_BYTES } from '../../examples/segments/read-segments.js';
import { App } from '../support/app.js';

let app: App;

beforeAll(async () => {
  app = await App.start({}, [ExampleHandlersModule]);
});
afterAll(() => app[Symbol.asyncDispose]());

/** A file that is as large as one may be, of entries that `entry` makes. */
function large(entry: (index: number) => string, head = '', tail = ''): Buffer {
  const parts = [head];
  let size = head.length + tail.length;
  for (let index = 0; ; index++) {
    const part = entry(index);
    size += part.length;
    if (size > MAX_FILE_BYTES) break;
    parts.push(part);
  }
  return Buffer.from(parts.join('') + tail);
}

const po = large(
  (index) => `#. note\nmsgctxt "c"\nmsgid "source ${index} \\"q\\"\\n"\nmsgstr "target\\t${index}"\n\n`,
);
const json = large(
  (index) => `${index === 0 ? '' : ','}{"id":${index},"source":"source ${index}","target":"target"}`,
  '[',
  ']',
);
const csv = large((index) => `${index},"source ${index}",target\n`, 'id,source,target\n');

async function upload(name: string, bytes: Uint8Array): Promise<string> {
  const answer = await app.client.request('POST', `/v1/files?name=${name}`, bytes, {
    'content-type': 'application/octet-stream',
  });
  expect(answer.status).toBe(201);
  return answer.body.id;
}

/**
 * Asks `/health/live` while `work` is done, and answers the longest that the event loop's thread worked in one turn, ms. Its
 * processor time, since on a busy machine any process waits for its turn.
 */
async function longestTurnDuring<T>(work: Promise<T>): Promise<{ longest: number; done: T }> {
  const worked = (): number => process.threadCpuUsage().user / 1000;
  let longest = 0;
  const over = new AbortController();
  let last = worked();
  const turn = (): void => {
    const now = worked();
    longest = Math.max(longest, now - last);
    last = now;
    if (!over.signal.aborted) setImmediate(turn);
  };
  turn();
  const finished = work.finally(() => over.abort());
  while (!over.signal.aborted) expect((await app.client.get('/health/live')).status).toBe(200);
  return { longest, done: await finished };
}

const ended = async (type: string, input: object) =>
  app.client.ended((await app.client.submit({ type, input })).id, 60);

describe(
  'While a file as large as may be is worked on, others are answered within 200 ms:',
  { timeout: 120_000 },
  () => {
    const languages = { source_language: 'en', target_language: 'fr' };
    it.each([
      ['large.po', po, 'segments.export', languages],
      ['large.json', json, 'segments.export', languages],
      ['large.csv', csv, 'segments.export', languages],
      ['large.po', po, 'segments.textedits', { edits: [] }],
    ])('%s', async (name, bytes, type, input) => {
      const file = await upload(name, bytes);
      const { longest, done } = await longestTurnDuring(ended(type, { file, ...input }));
      expect(done).toMatchObject({ status: 'Finished', attempt: 1 });
      expect(done.custom.segments).toBeGreaterThan(100_000);
      expect(longest).toBeLessThan(200);
    });

    it('several that are checked at once', async () => {
      const files = await Promise.all([upload('a.po', po), upload('b.json', json), upload('c.csv', csv)]);
      const checks = Promise.all(
        [files, files.toReversed()].map((some) => ended('documents.check', { files: some })),
      );
      const { longest, done } = await longestTurnDuring(checks);
      for (const { custom } of done)
        expect(custom.files.map(({ success }: { success: boolean }) => success)).toEqual([true, true, true]);
      expect(longest).toBeLessThan(200);
    });

    it('files that are zipped', async () => {
      const contents = [po, randomBytes(MAX_FILE_BYTES), json];
      const files = await Promise.all(contents.map((bytes, index) => upload(`${index}.bin`, bytes)));
      const { longest, done } = await longestTurnDuring(ended('orders.files.zip', { id: 'A-1', files }));
      expect(done).toMatchObject({ status: 'Finished', attempt: 1 });
      expect(longest).toBeLessThan(200);
      const answer = await fetch(`${app.client.url}/v1/files/${done.file}/content`, {
        headers: { authorization: `Bearer ${app.client.key}` },
      });
      const unzipped = unzipSync(new Uint8Array(await answer.arrayBuffer()));
      expect(Object.keys(unzipped)).toEqual(['order.json', '1-0.bin', '2-1.bin', '3-2.bin']);
      contents.forEach((bytes, index) =>
        expect(bytes.equals(unzipped[`${index + 1}-${index}.bin`]!)).toBe(true),
      );
    });
  },
);

describe('A large file', { timeout: 120_000 }, () => {
  it('that is broken at its end is refused with the line, as a small one is', async () => {
    const file = await upload('broken.po', Buffer.concat([po.subarray(0, 10_000_000), Buffer.from('\n"')]));
    const { status, error } = await ended('segments.export', {
      file,
      source_language: 'en',
      target_language: 'fr',
    });
    expect([status, error.code]).toEqual(['Failed', 'unreadable_file']);
    expect(error.message).toMatch(/^broken\.po, line \d+: /);
  });

  it('is left at once when its operation is canceled', async () => {
    const file = await upload('large.po', po);
    const input = { file, source_language: 'en', target_language: 'fr' };
    const { id } = await app.client.submit({ type: 'segments.export', input });
    await expect
      .poll(async () => (await app.client.get(`/v1/operations/${id}`)).body.status)
      .toBe('Executing');
    await app.client.post(`/v1/operations/${id}/cancel`, {});
    expect(await app.client.ended(id)).toMatchObject({ status: 'Canceled', file: null });
    // The thread is free again for the next one.
    expect(await ended('segments.export', input)).toMatchObject({ status: 'Finished' });
  });

  it('that isn’t there ends a zip as Failed, and stores none', async () => {
    const files = [await upload('a.bin', randomBytes(1_000_000)), 'file_none'];
    expect(await ended('orders.files.zip', { id: 'A-1', files })).toMatchObject({
      status: 'Failed',
      attempt: 1,
      file: null,
      error: { code: 'file_not_found' },
    });
  });
});
