import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newDatabase } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

const WARNING = 'the event loop was blocked';
const LEASE_MS = 6_000;

/** A process that is about to be blocked, and one that tells of it; another worker is started once it is. */
async function processes() {
  const shared = sharedBy(await newDatabase());
  const folder = await temporaryFolder();
  const file = join(folder.path, 'runs');
  const api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
  const worker = { ...shared, RINGBACK_ROLE: 'worker', RINGBACK_LOG_LEVEL: 'warn' };
  const blocked = await Service.start(worker);
  const stack = new AsyncDisposableStack();
  for (const part of [folder, api, blocked]) stack.use(part);
  return {
    api,
    blocked,
    block: (ms: number[], more: object = {}) =>
      api.client.submit({ type: 'test.block', input: { file, ms }, ...more }),
    startOther: async () => stack.use(await Service.start(worker)),
    starts: async (): Promise<string[]> =>
      (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe('A handler that blocks the event loop for longer than the lease', { timeout: 120_000 }, () => {
  it('keeps its operation, and the callbacks of its process, and is named in a warning', async () => {
    await using it = await processes();
    await using receiver = await Receiver.answering(() => undefined);
    const called = await it.api.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    const operation = await it.block([2.5 * LEASE_MS]);
    await expect.poll(it.starts, { interval: 5 }).toEqual([`start ${it.blocked.pid}`]);
    await it.startOther();

    const ended = await it.api.client.ended(operation.id, 60);
    expect(ended).toMatchObject({ status: 'Finished', attempt: 1, result: { pid: it.blocked.pid } });
    expect(await it.starts()).toHaveLength(1);
    await expect.poll(it.blocked.output).toContain(WARNING);
    const warning = JSON.parse(
      it.blocked
        .output()
        .split('\n')
        .find((line) => line.includes(WARNING))!,
    );
    expect(warning.types).toEqual(['test.block']);
    expect(warning.blocked_s).toBeGreaterThan(2 * (LEASE_MS / 1000));

    // Not the unknown of a worker that went silent: its own process saw how it ended.
    const [{ id }] = (await it.api.client.deliveries(called.id)) as [{ id: string }];
    await expect
      .poll(async () => (await it.api.client.delivery(id)).attempts[0].outcome, { timeout: 20_000 })
      .toBe('failed');
  });

  it('gives it up where the process is frozen besides', async () => {
    await using it = await processes();
    const operation = await it.block([10 * LEASE_MS, 0]);
    await expect.poll(it.starts, { interval: 5 }).toEqual([`start ${it.blocked.pid}`]);
    const other = await it.startOther();
    it.blocked.process.kill('SIGSTOP');
    const ended = await it.api.client.ended(operation.id, 60);
    expect(ended).toMatchObject({ status: 'Finished', attempt: 2, result: { pid: other.pid } });
    await it.blocked.end('SIGKILL');
  });

  it('gives it up where that is for longer than a run may take', async () => {
    await using it = await processes();
    const operation = await it.block([10 * LEASE_MS, 0], { timeout_s: 8 });
    await expect.poll(it.starts, { interval: 5 }).toEqual([`start ${it.blocked.pid}`]);
    const other = await it.startOther();
    const ended = await it.api.client.ended(operation.id, 60);
    expect(ended).toMatchObject({ status: 'Finished', attempt: 2, result: { pid: other.pid } });
    await it.blocked.end('SIGKILL');
  });
});
