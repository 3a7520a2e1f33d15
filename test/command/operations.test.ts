import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { commandOf, ringback } from '../support/command.js';
import { temporaryFolder } from '../support/service.js';

let app: App;
let command: ReturnType<typeof commandOf>;
beforeAll(async () => {
  app = await App.start();
  command = commandOf(app.client.url, TEST_KEY);
});
afterAll(() => app[Symbol.asyncDispose]());

/** Where nobody listens. */
const NOWHERE = 'http://127.0.0.1:4/';
const NOBODY = '0'.repeat(32);

describe('An operation', () => {
  it('is submitted, waited for with its progress, and shown', async () => {
    const { code, stdout, stderr } = await command.run([
      ...['submit', 'sleep', '--input', '{"seconds":0.3}', '--correlation', 'order 17', '--wait'],
    ]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^submitted as [0-9a-f]{32}\nWaiting/)]);
    expect(stderr).toContain('Finished\n');
    expect(stdout).toMatch(/^status +Finished$/m);
    expect(stdout).toMatch(/^correlation +order 17$/m);
    expect(stdout).toContain(`${app.client.url}/console/operations/`);
    expect(JSON.parse(stdout.slice(stdout.indexOf('\n{')))).toEqual({ slept_s: 0.3 });
  });

  it('has all that the route takes', async () => {
    const given = await command
      .json([
        ...['submit', 'echo', '--input', '@-', '--priority', '7', '--run-at', '1h', '--timeout', '1m'],
        ...['--callback', NOWHERE, '--callback-header', 'x-token: a:b', '--thin-over', '1000'],
        ...['--retention', 'keep1d', '--ack-by-poll', '--idempotency-key', 'once'],
      ])
      .catch((error: unknown) => error);
    // Nothing came by stdin.
    expect(String(given)).toContain('--input is no JSON');
    const submit = [
      ...['submit', 'echo', '--input', '[1]', '--priority', '7', '--run-at', '1h', '--timeout', '1m'],
      ...['--callback', NOWHERE, '--callback-header', 'x-token: a:b', '--retention', 'keep1d'],
      ...['--ack-by-poll'],
    ];
    const { id } = await command.json(submit);
    const { body } = await app.client.get(`/v1/operations/${id}/request`);
    expect(body).toMatchObject({
      ...{ input: [1], priority: 7, timeout_s: 60, retention: 'keep1d' },
      callback: { url: NOWHERE, headers: [{ key: 'x-token', value: '[redacted]' }] },
    });
    expect(Math.abs(Date.parse(body.run_at) - Date.now() - 3_600_000)).toBeLessThan(60_000);
  });

  it('that is submitted twice with one key is one', async () => {
    const submit = ['submit', 'echo', '--input', '1', '--idempotency-key', 'key 1'];
    const [one, other] = await Promise.all([command.json(submit), command.json(submit)]);
    expect(other.id).toBe(one.id);
  });

  it('takes files, which are uploaded, and its result is downloaded', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'words.txt');
    await writeFile(path, 'one two');
    const { result } = await command.json([
      ...['submit', 'echo', '--input', '{"a":1}', '--file', `text=@${path}`, '--wait'],
    ]);
    expect(result).toEqual({ a: 1, text: expect.any(String) });
    const { body } = await app.client.get(`/v1/files/${result.text}`);
    expect(body).toMatchObject({ name: 'words.txt', size: 7 });
    const { id } = await command.json(['submit', 'echo', '--input', '{"a":1}', '--wait']);
    const to = join(folder.path, 'result.json');
    expect(await command.run(['result', id, '-o', to])).toMatchObject({ code: 0, stdout: '' });
    expect(JSON.parse(await readFile(to, 'utf8'))).toEqual({ a: 1 });
    expect((await readdir(folder.path)).sort()).toEqual(['result.json', 'words.txt']);
    const { stdout } = await command.run(['result', id]);
    expect(JSON.parse(stdout)).toEqual({ a: 1 });
    const missing = await command.run(['submit', 'echo', '--file', `text=@${path}.none`]);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('cannot be read')]);
  });

  it('is waited for, and its end is the exit code', async () => {
    const { id } = await command.json(['submit', 'sleep', '--input', '{"seconds":60}']);
    const late = await command.run(['wait', id, '--timeout', '0.2']);
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining(`"ringback wait ${id}"`)]);
    expect(await command.run(['cancel', id])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Canceled/),
    });
    expect(await command.json(['wait', id], 1)).toMatchObject({ id, status: 'Canceled' });
    const failed = await command.run([
      'submit',
      'http.request',
      '--input',
      `{"method":"GET","url":"${NOWHERE}","tries":1}`,
      '--wait',
    ]);
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringMatching(/is Failed\n$/)]);
    const list = ['list', '--failed', '--since', '1h'];
    const [listed, ...others] = await command.json(list);
    expect([listed, others]).toMatchObject([
      { type: 'http.request', status_info: expect.stringMatching(/\w/) },
      [],
    ]);
    expect((await command.run(list)).stdout.trimEnd().endsWith(`  ${listed.status_info}`)).toBe(true);
    expect((await command.run(['cancel', id, NOBODY])).code).toBe(1);
  });

  it('is run again, with another input', async () => {
    const { id } = await command.json(['submit', 'echo', '--input', '1', '--callback', NOWHERE]);
    const again = await command.json(['rerun', id, '--input', '2', '--no-callback', '--wait']);
    expect(again).toMatchObject({ status: 'Finished', result: 2, rerun_of: id, callback: null });
    expect(await command.json(['rerun', id, '--account', '*'])).toMatchObject({ rerun_of: id });
  });

  it('has a history, live too, of one JSON document or one a line', async () => {
    const { id } = await command.json(['submit', 'sleep', '--input', '{"seconds":0.2}']);
    const followed = await command.run(['history', id, '--follow', '--json']);
    const lines = followed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { status: string });
    expect(lines.at(-1)).toMatchObject({ status: 'Finished' });
    expect(await command.json(['history', id])).toEqual(lines);
    expect((await command.run(['history', id])).stdout).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}Waiting: Accepted$/m,
    );
  });

  it('of which the text would drive a terminal is shown without that', async () => {
    const correlation = 'a\u001b]0;owned\u0007\u202eb';
    const { id } = await command.json(['submit', 'echo', '--correlation', correlation]);
    const { stdout } = await command.run(['get', id]);
    expect(stdout).toContain('a\ufffd]0;owned\ufffd\ufffdb');
    expect((await command.run(['get', id, '--json'])).stdout).not.toMatch(/[\u001b\u202e]/);
    expect(await command.json(['get', id])).toMatchObject({ correlation });
  });
});

describe('A list', () => {
  it('has the newest first, as many as are asked for, in colours on demand alone', async () => {
    for (const number of [1, 2, 3])
      await app.client.submit({ type: 'echo', correlation: `listed ${number}` });
    const { stdout } = await command.run(['list', '--limit', '2']);
    expect(stdout).toMatch(/^ID +TYPE +STATUS .*\n.*listed 3.*\n.*listed 2.*\n$/);
    expect(stdout).not.toContain('\u001b');
    expect((await command.run(['list'], { env: { FORCE_COLOR: '1' } })).stdout).toContain('\u001b[');
    expect((await command.run(['list', '--json'], { env: { FORCE_COLOR: '1' } })).stdout).not.toContain(
      '\u001b',
    );
    const oldest = await command.json(['list', '--order', 'asc', '--all', '--correlation', 'listed 1']);
    expect(oldest).toMatchObject([{ correlation: 'listed 1' }]);
    const none = await command.run(['list', '--type', 'none']);
    expect(none).toEqual({ code: 0, stdout: '', stderr: 'No operation is meant by that.\n' });
  });

  it('whose reader has gone ends in silence', async () => {
    const { code, stderr } = await command.run(['list', '--all', '--json'], { closesStdout: true });
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('A command that fails', () => {
  it('says by exit code 3 that it has reached nobody', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const ended = await ringback(['get', NOBODY, '--url', url, '--key', TEST_KEY]);
    expect(ended).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/no answer .*ECONNREFUSED/),
    });
    const { stderr } = await ringback(['list', '--url', url, '--json']);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'unreachable', remedy: expect.any(String) } });
  });

  it('says by exit code 1 what was refused, and the remedy', async () => {
    const wrong = await command.run(['list'], { env: { RINGBACK_KEY: 'rb_wrong' } });
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringContaining('by --key, RINGBACK_KEY or "ringback login"'),
    ]);
    const none = await command.run(['get', NOBODY]);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining(`there is no operation ${NOBODY}`)]);
    const { stderr } = await command.run(['submit', 'no.such', '--json']);
    expect(JSON.parse(stderr)).toMatchObject({ error: { status: 422, code: expect.any(String) } });
  });

  it.each([
    [['submit', 'echo', '--input', '{'], '--input is no JSON'],
    [['submit', 'echo', '--input', '1', '--file', 'a=@package.json'], 'give an object as --input'],
    [['submit', 'echo', '--callback-header', 'a: b'], 'give --callback too'],
    [['submit', 'echo', '--run-at', 'soon'], 'Give a span such as 30m'],
    [['submit', 'echo', '--priority', 'high'], 'Give a number'],
    [['list', '--order', 'up'], 'Allowed choices are asc, desc'],
    [['list', '--failed', '--status', 'Waiting'], 'give one of them'],
    [['list', '--limit', '0'], 'Give a whole number from 1'],
    [['redeliver'], 'give either ids, or a filter'],
    [['redeliver', 'dlv_1', '--failed'], 'give either ids, or a filter'],
    [['accounts', 'delete', 'acc_1'], 'add --yes to do it'],
    [['keys', 'make', 'x', '--scope', 'all'], '"all" is none of operations:write'],
    [['endpoints', 'make', 'https://example.com', '--retry-schedule', 'often'], 'give seconds, by comma'],
    [['trigger', 'operation.ended', '--to', 'http://127.0.0.1:9/'], 'Allowed choices are operation.finished'],
  ])('by wrong usage says so by exit code 2, and has asked nobody: %j', async (given, message) => {
    const ended = await ringback([...given, '--url', 'http://127.0.0.1:9', '--key', 'rb_x']);
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(message) });
  });
});
