import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { freePort } from '../support/app.js';
import { ringback } from '../support/command.js';
import { temporaryFolder } from '../support/service.js';
import { Terminal } from '../support/terminal.js';

const RINGBACK = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url));
const COMMON = fileURLToPath(import.meta.resolve('@nestjs/common'));

const handlers = (type: string): string => `
import { Module } from ${JSON.stringify(COMMON)};
import { OperationType } from ${JSON.stringify(RINGBACK)};
class Handler { run() { throw new Error('boom'); } }
OperationType({ name: ${JSON.stringify(type)}, title: 'A test', tries: 1 })(Handler);
class TestModule {}
Module({ providers: [Handler] })(TestModule);
export default TestModule;
`;

describe('ringback dev', { timeout: 90_000 }, () => {
  it('is service, inbox and console in one terminal, with keys', async () => {
    await using folder = await temporaryFolder();
    const opened = join(folder.path, 'opened');
    const opener = join(folder.path, 'xdg-open');
    await writeFile(opener, `#!/bin/sh\necho "$1" > ${opened}\nexit 3\n`);
    await chmod(opener, 0o755);
    const file = join(folder.path, 'handlers.mjs');
    await writeFile(file, handlers('test.first'));
    const port = await freePort();
    const environment = { PORT: String(port), PATH: `${folder.path}:${process.env.PATH}` };
    await using terminal = Terminal.run(['dev', file], environment, folder.path);
    const text = (): string => stripVTControlCharacters(terminal.output());
    const ready = async (times: number): Promise<void> => {
      await expect.poll(() => text().split('Keys: t triggers').length - 1, { timeout: 40_000 }).toBe(times);
    };
    await ready(1);

    terminal.type('t');
    await expect.poll(text).toMatch(/Submitted an echo: http:\S+\/console\/operations\/[0-9a-f]{32}\r\n/);
    const id = /operations\/[0-9a-f]{24}([0-9a-f]{8})\r/.exec(text())![1]!;
    await expect.poll(text).toContain(`operation ended …${id} #1 echo Finished`);
    await expect.poll(text).toContain(`callback received operation.finished …${id} attempt 1 verified`);
    expect(terminal.output()).toContain('\u001b[32mFinished');

    terminal.type('o');
    const link = new RegExp(`http://127.0.0.1:${port}/console/#login=\\S+`);
    await expect.poll(text).toMatch(/Nothing here opens it; the link logs in once, within 10 minutes: http:/);
    const [url] = link.exec(text().slice(text().indexOf('Nothing here')))!;
    expect(await readFile(opened, 'utf8')).toBe(`${url}\n`);
    const key = await readFile(join(folder.path, '.ringback', 'first-key'), 'utf8');

    await writeFile(file, handlers('test.second'));
    await expect.poll(text).toContain('The handlers have changed: starting again.');
    await ready(2);
    const headers = { authorization: `Bearer ${key.trim()}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ type: 'test.second' });
    const answer = await fetch(`http://127.0.0.1:${port}/v1/operations`, { method: 'POST', headers, body });
    expect(answer.status).toBe(202);
    await expect
      .poll(text)
      .toMatch(
        /attempt failed .* test\.second .*\r\n +Error: boom\r\n +at Handler\.run \(.*handlers\.mjs:4:\d+\)\r\n/,
      );

    terminal.type('q');
    expect(await terminal.exited()).toBe(0);
    // The terminal is as it was.
    expect(text()).toMatch(/\bisig icanon .* echo /s);
    await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow();
  });

  it('starts nothing for production, nor with handlers that are not there', async () => {
    expect(await ringback(['dev'], { env: { NODE_ENV: 'production' } })).toMatchObject({ code: 1 });
    const { code, stderr } = await ringback(['dev', './none.js']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('there is no file ./none.js with handlers')]);
  });
});
