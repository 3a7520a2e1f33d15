import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { commandOf, ringback } from '../support/command.js';
import { type Answer, Receiver, verify } from '../support/receiver.js';

let app: App;
let command: ReturnType<typeof commandOf>;
beforeAll(async () => {
  app = await App.start({ deliveries: { schedule: [3600] } });
  command = commandOf(app.client.url, TEST_KEY);
});
afterAll(() => app[Symbol.asyncDispose]());

/** An operation whose callback a receiver has refused. */
async function refused(
  receiver: Receiver,
  ...answers: Answer[]
): Promise<{ operation: string; delivery: string }> {
  const before = receiver.all.length;
  if (answers.length > 0) receiver.answer(...answers, 204);
  const { id: operation } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
  await receiver.received(before + 1);
  const failed = async () => (await app.client.deliveries(operation)).find(({ error }) => error !== null);
  await expect.poll(failed).toBeDefined();
  return { operation, delivery: (await failed())!.id };
}

describe('Deliveries', () => {
  it('that failed are listed, looked into, and sent again by id', async () => {
    await using receiver = await Receiver.answering((response) => {
      response.writeHead(503, { 'x-why': 'maintenance' }).end('back \u001b[31msoon');
    });
    const { operation, delivery } = await refused(receiver);
    const origin = `http://127.0.0.1:${receiver.port}`;
    const listed = await command.json(['deliveries', '--failed', '--since', '1h', '--origin', origin]);
    expect(listed).toMatchObject([
      { id: delivery, operation_id: operation, status: 'Pending', error: 'http_5xx' },
    ]);
    const { stdout } = await command.run(['delivery', delivery]);
    expect(stdout).toMatch(/^Attempt 1: failed, HTTP 503, after \d+ ms$/m);
    expect(stdout).toMatch(/^ {2}phases +.*first byte \d+ ms$/m);
    expect(stdout).toMatch(/^ {4}webhook-id: dlv_/m);
    expect(stdout).toMatch(/^ {4}x-why: maintenance$/m);
    expect(stdout).toContain('    back \ufffd[31msoon');
    const body = await command.run(['delivery', delivery, '--body']);
    expect(body.stdout).toBe(receiver.all[0]!.body);

    const still = await command.run(['redeliver', delivery]);
    expect(still).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/Pending {2}attempt 2: failed, HTTP 503/),
    });
    receiver.answer(204);
    const arrived = await command.run(['redeliver', delivery]);
    expect(arrived).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Delivered {2}attempt 3: delivered, HTTP 204/),
    });
    // One that is refused stops no other.
    const other = await refused(receiver, 500);
    const both = await command.run(['redeliver', delivery, other.delivery]);
    expect([both.code, both.stderr]).toEqual([1, expect.stringContaining('1 of 2 were refused')]);
    expect(both.stdout).toContain(`${other.delivery}  Delivered`);
    const again = await command.run(['redeliver', delivery]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('the delivery is Delivered')]);
    expect(await command.json(['redeliver', delivery, '--again'])).toMatchObject([
      { id: delivery, attempt_count: 4 },
    ]);
    const bodies = receiver.all
      .filter((one) => one.headers['webhook-id'] === delivery)
      .map((one) => one.body);
    expect(bodies).toEqual(Array(4).fill(bodies[0]));
  });

  it('that a filter means are sent again, and counted before', async () => {
    await using receiver = await Receiver.answering(500);
    await refused(receiver);
    await refused(receiver);
    const filter = [
      'redeliver',
      '--failed',
      '--since',
      '1h',
      '--origin',
      `http://127.0.0.1:${receiver.port}`,
    ];
    expect(await command.run([...filter, '--dry-run'])).toMatchObject({
      code: 0,
      stdout: '2 deliveries would be sent again.\n',
    });
    expect(receiver.all).toHaveLength(2);
    receiver.answer(200);
    expect(await command.run(filter)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^2 of 2 deliveries/),
    });
    await receiver.received(4);
    await expect.poll(() => command.json([...filter, '--dry-run'])).toEqual({ matched: 0 });
  });
});

describe('A sample', () => {
  it('is signed with the secret of the account, sent from here, and shown with its answer', async () => {
    await using receiver = await Receiver.answering((response) => response.writeHead(201).end('thanks'));
    const { secret } = (await app.client.get('/v1/signing-secret')).body;
    const given = [
      'trigger',
      'operation.finished',
      '--to',
      receiver.url,
      '--data',
      '{"correlation":"order 17"}',
    ];
    const { code, stdout } = await command.run(given);
    const [received] = await receiver.received(1);
    expect(verify(secret, received!)).toMatchObject({
      type: 'operation.finished',
      data: { status: 'Finished', correlation: 'order 17' },
    });
    expect(code).toBe(0);
    expect(stdout).toContain(`POST ${receiver.url}\n`);
    expect(stdout).toContain(received!.body);
    expect(stdout).toMatch(/^HTTP 201 after \d+ ms$/m);
    expect(stdout).toMatch(/\n\nthanks\n$/);
  });

  it('is signed with a secret of its own where no service is known', async () => {
    await using receiver = await Receiver.answering(503);
    const { code, stdout } = await ringback(['trigger', 'endpoint.disabled', '--to', receiver.url, '--json']);
    const { secret, answered } = JSON.parse(stdout) as { secret: string; answered: { status: number } };
    expect([code, answered.status]).toEqual([1, 503]);
    expect(verify(secret, receiver.all[0]!).type).toBe('endpoint.disabled');
  });

  it('that nobody takes is exit code 3', async () => {
    const to = `http://127.0.0.1:${await freePort()}/`;
    const { code, stderr } = await command.run(['trigger', 'operation.failed', '--to', to]);
    expect([code, stderr]).toEqual([3, expect.stringContaining(`no answer from ${to}`)]);
  });
});
