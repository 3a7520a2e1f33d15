import { describe, expect, it } from 'vitest';
import { newDatabase } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

/** The log lines of a service that have this `msg`. */
const lines = (service: Service, msg: string): Record<string, unknown>[] =>
  service
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['msg'] === msg);

describe('a process', { timeout: 60_000 }, () => {
  it('logs one line per operation and one per attempt, each with the ids of the operation', async () => {
    await using receiver = await Receiver.answering(503, 200);
    const shared = sharedBy(await newDatabase());
    await using service = await Service.start({ ...shared, RINGBACK_LOG_LEVEL: 'info' });
    const { id, request_id } = await service.client.submit({ type: 'echo', callback: { url: receiver.url } });
    const [first] = await receiver.received(2);
    await expect.poll(() => lines(service, 'callback delivered')).toHaveLength(1);
    const ids = { operation: id, request_id: String(request_id) };
    expect(lines(service, 'operation ended')).toEqual([
      expect.objectContaining({ ...ids, type: 'echo', state: 'Finished', attempt: 1, tries: 3 }),
    ]);
    const attempt = { ...ids, delivery: first!.headers['webhook-id'] };
    expect(lines(service, 'callback failed')).toEqual([
      expect.objectContaining({ ...attempt, attempt: 1, status: 503 }),
    ]);
    expect(lines(service, 'callback delivered')).toEqual([
      expect.objectContaining({ ...attempt, attempt: 2, status: 200 }),
    ]);
  });

  it('is not ready from the moment it shuts down, while what runs is finished', async () => {
    const shared = sharedBy(await newDatabase());
    await using service = await Service.start({ ...shared, RINGBACK_SHUTDOWN_GRACE_S: '20' });
    const { id } = await service.client.submit({ type: 'sleep', input: { seconds: 3 } });
    const status = async (): Promise<string> =>
      (await service.client.get(`/v1/operations/${id}`)).body.status;
    await expect.poll(status, { interval: 10 }).toBe('Executing');
    const exited = service.end('SIGTERM');
    await expect
      .poll(() => service.client.get('/health/ready'), { interval: 10 })
      .toMatchObject({
        status: 503,
        body: { status: 'unavailable', checks: { process: expect.stringContaining('shutting down') } },
      });
    expect(await exited).toBe(0);
  });
});
