import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newDatabase, rowsOf } from './support/database.js';
import { expectNothingLost, Load } from './support/load.js';
import { Receiver, verify } from './support/receiver.js';
import { Service, sharedBy, temporaryFolder } from './support/service.js';

describe('an acknowledged operation', { timeout: 120_000 }, () => {
  it('survives kill -9 of the whole service, embedded PostgreSQL included', async () => {
    await using folder = await temporaryFolder();
    await using receiver = await Receiver.answering(200);
    const environment = { RINGBACK_DATA_DIR: folder.path };
    const first = await Service.start(environment);
    const load = new Load(first.client, receiver.url);
    await load.reached(150);
    await first.end('SIGKILL');
    const acknowledged = await load.stop();
    await using second = await Service.start(environment);
    const missing = (): string[] => {
      const seen = new Set(receiver.all.map(({ headers }) => headers['ringback-operation']));
      return acknowledged.filter((id) => !seen.has(id));
    };
    await expect.poll(missing, { timeout: 60_000 }).toEqual([]);
    for (const id of acknowledged.slice(-20)) expect((await second.client.ended(id)).status).toBe('Finished');
  });

  it('survives kill -9 of a worker while the API lives on', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using receiver = await Receiver.answering(200);
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    const first = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const load = new Load(api.client, receiver.url);
    await load.reached(100);
    await first.end('SIGKILL');
    await load.reached(200);
    await using _second = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    await load.reached(300);
    await expectNothingLost(database, await load.stop(), receiver);
  });

  it('is finished or given back when SIGTERM comes under load, in a clean exit within 10 s', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using receiver = await Receiver.answering(200);
    const first = await Service.start(shared);
    const load = new Load(first.client, receiver.url, 8);
    const long = await first.client.submit({
      type: 'sleep',
      input: { seconds: 4 },
      callback: { url: receiver.url },
    });
    await load.reached(150);
    const asked = performance.now();
    expect(await first.end('SIGTERM')).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
    const acknowledged = await load.stop();
    const executing = await rowsOf(database, `SELECT rid FROM operation_view WHERE state = 'Executing'`);
    expect(executing).toEqual([]);
    await using _second = await Service.start(shared);
    await expectNothingLost(database, [...acknowledged, long.id], receiver);
  });

  it('is given back within the grace time while a callback hangs, and nothing is claimed after SIGTERM', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using receiver = await Receiver.answering(() => undefined);
    const service = await Service.start({
      ...shared,
      RINGBACK_CALLBACK_TIMEOUT_S: '20',
      RINGBACK_LEASE_S: '60',
      RINGBACK_SHUTDOWN_GRACE_S: '3',
    });
    await service.client.submit({ type: 'echo', callback: { url: receiver.url } });
    const long = await service.client.submit({ type: 'sleep', input: { seconds: 60 } });
    await receiver.received(1);
    const rows = (): Promise<unknown[]> =>
      rowsOf(database, 'SELECT state, phase FROM operation_view WHERE rid = $1', [long.id]);
    await expect.poll(rows).toEqual([{ state: 'Executing', phase: 'running' }]);
    expect(await service.end('SIGTERM')).toBe(0);
    expect(await rows()).toEqual([{ state: 'Waiting', phase: 'ready' }]);
    const live = await rowsOf(database, 'SELECT state, phase FROM delivery_view');
    expect(live).toEqual([{ state: 'Pending', phase: 'ready' }]);
  });

  it('ends as Failed, and calls back, when every try kills its worker', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using receiver = await Receiver.answering(200);
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    const operation = await api.client.submit({ type: 'test.die', callback: { url: receiver.url } });
    for (let death = 1; death <= 2; death++)
      await (await Service.spawn({ ...shared, RINGBACK_ROLE: 'worker' })).exited();
    await using _survivor = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const [received] = await receiver.received(1);
    const event = verify(await api.client.signingSecret(), received!);
    expect(event).toMatchObject({
      type: 'operation.failed',
      data: { id: operation.id, attempt: 2, error: { code: 'attempts_exhausted' } },
    });
  });

  it('is settled once when its worker freezes beyond the lease and comes back', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using folder = await temporaryFolder();
    await using receiver = await Receiver.answering(200);
    const file = join(folder.path, 'runs');
    const lines = async (): Promise<string[]> =>
      (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    await using frozen = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const operation = await api.client.submit({
      type: 'test.stubborn',
      input: { file, ms: 300 },
      callback: { url: receiver.url },
    });
    await expect.poll(lines, { interval: 5 }).toEqual([`start ${frozen.pid}`]);
    frozen.process.kill('SIGSTOP');
    await using other = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const ended = await api.client.ended(operation.id, 60);
    expect(ended).toMatchObject({ status: 'Finished', attempt: 2, result: { pid: other.pid } });
    frozen.process.kill('SIGCONT');
    await expect.poll(lines, { timeout: 10_000 }).toContain(`end ${frozen.pid}`);
    await expectNothingLost(database, [operation.id], receiver);
    expect((await api.client.ended(operation.id)).result).toEqual({ pid: other.pid });
    expect(await rowsOf(database, 'SELECT id FROM delivery_view')).toHaveLength(1);
  });
});
