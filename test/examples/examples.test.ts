import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../support/app.js';

const RECEIVER = fileURLToPath(new URL('../../examples/receiver.ts', import.meta.url));

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

/** The example as integrators start it; Node strips its types. */
class ExampleReceiver implements AsyncDisposable {
  output = '';

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  static async start(environment: Record<string, string> = {}): Promise<ExampleReceiver> {
    const child = spawn(process.execPath, [RECEIVER], {
      env: { PATH: process.env['PATH'], PORT: '0', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const receiver = new ExampleReceiver(child);
    await expect.poll(() => receiver.output, { timeout: 10_000 }).toContain('Waiting for callbacks on');
    return receiver;
  }

  get url(): string {
    return /http:\/\/127\.0\.0\.1:\d+\//.exec(this.output)![0];
  }

  /** The lines printed for callbacks. */
  get lines(): string[] {
    return this.output.split('\n').slice(1, -1);
  }

  async post(body: string, headers: Record<string, string>): Promise<number> {
    return (await fetch(this.url, { method: 'POST', body, headers })).status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill();
    await exit;
  }
}

function signed(secret: string, id: string, body: string, at = new Date()): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}

describe('The example receiver', () => {
  it('takes a real delivery and verifies it', async () => {
    const secret = await app.client.signingSecret();
    await using receiver = await ExampleReceiver.start({ RINGBACK_SIGNING_SECRET: secret });
    const operation = await app.client.submit({
      type: 'echo',
      input: 'ü',
      callback: { url: receiver.url },
    });
    await expect.poll(async () => (await app.client.deliveries(operation.id))[0]?.status).toBe('Delivered');
    const [{ id }] = await app.client.deliveries(operation.id);
    expect((await app.client.delivery(id)).attempts).toMatchObject([{ number: 1, http_status: 204 }]);
    await expect.poll(() => receiver.lines).toHaveLength(1);
    expect(receiver.lines[0]).toContain(
      `operation.finished ${operation.id} (echo): Finished [attempt 1, verified]`,
    );
  });

  it('refuses what another secret signed, and the delivery goes on trying', async () => {
    const wrong = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    await using receiver = await ExampleReceiver.start({ RINGBACK_SIGNING_SECRET: wrong });
    const operation = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await expect
      .poll(async () => (await app.client.deliveries(operation.id))[0]?.status, { timeout: 10_000 })
      .toBe('Exhausted');
    await expect.poll(() => receiver.lines).toHaveLength(4);
    for (const line of receiver.lines) expect(line).toContain('REFUSED: no signature fits');
  });

  it('refuses a changed body, id or time, old timestamps and missing headers', async () => {
    const secret = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
    await using receiver = await ExampleReceiver.start({ RINGBACK_SIGNING_SECRET: secret });
    const body = JSON.stringify({ type: 'operation.finished', data: { id: 'x', status_text: 'Finished' } });
    const headers = signed(secret, 'dlv_1', body);
    expect(await receiver.post(`${body} `, headers)).toBe(401);
    expect(await receiver.post(body, { ...headers, 'webhook-id': 'dlv_2' })).toBe(401);
    const later = String(Number(headers['webhook-timestamp']) + 1);
    expect(await receiver.post(body, { ...headers, 'webhook-timestamp': later })).toBe(401);
    expect(await receiver.post(body, { ...headers, 'webhook-timestamp': 'now' })).toBe(401);
    expect(await receiver.post(body, { ...headers, 'webhook-signature': 'v1,' })).toBe(401);
    expect(await receiver.post(body, {})).toBe(401);
    for (const minutes of [-6, 6]) {
      const at = new Date(Date.now() + minutes * 60_000);
      expect(await receiver.post(body, signed(secret, 'dlv_3', body, at))).toBe(401);
    }
    await expect.poll(() => receiver.lines).toHaveLength(8);
    for (const line of receiver.lines) expect(line).toContain('REFUSED');
    // None of the refused ones used the id up.
    expect(await receiver.post(body, headers)).toBe(204);
    await expect.poll(() => receiver.lines.at(-1)).toMatch(/Z operation\.finished x /);
  });

  it('accepts one of several signatures, and tells a repeated delivery', async () => {
    const secret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
    const old = `whsec_${Buffer.alloc(32, 4).toString('base64')}`;
    await using receiver = await ExampleReceiver.start({ RINGBACK_SIGNING_SECRET: secret });
    const body = JSON.stringify({
      trm: { requestid: 559, status: 'Finished', statusText: 'Done\n\u001b[31mred' },
    });
    const headers = signed(secret, 'dlv_1', body);
    const both = `${signed(old, 'dlv_1', body)['webhook-signature']} ${headers['webhook-signature']}`;
    expect(await receiver.post(body, { ...headers, 'webhook-signature': both })).toBe(204);
    expect(await receiver.post(body, headers)).toBe(204);
    await expect.poll(() => receiver.lines).toHaveLength(2);
    expect(receiver.lines[0]).toMatch(/Z request 559 Finished: Done {2}\[31mred \[attempt \?, verified\]$/);
    expect(receiver.lines[1]).toContain('Z AGAIN request 559');
  });

  it('reads what the bgrs face tells, and messages of the QStash face', async () => {
    await using receiver = await ExampleReceiver.start();
    const request = { rid: 'r1', status_name: 'finished', status: '200' };
    expect(await receiver.post(JSON.stringify([request]), { 'ringback-attempt': '1' })).toBe(204);
    const failed = { rid: 'r2', status_name: 'failed', status: null };
    expect(await receiver.post(JSON.stringify([failed]), { 'ringback-attempt': '2' })).toBe(204);
    expect(await receiver.post('[]', {})).toBe(204);
    const { url } = receiver;
    const publish = { method: 'POST', headers: { authorization: `Bearer ${TEST_KEY}` }, body: 'order 7' };
    const { status } = await fetch(`${app.client.url}/qstash/v2/publish/${url}`, publish);
    expect(status).toBe(200);
    await expect.poll(() => receiver.lines).toHaveLength(4);
    expect(receiver.lines[0]).toMatch(/Z request r1 finished, HTTP 200 \[attempt 1, not verified\]$/);
    expect(receiver.lines[1]).toMatch(/Z request r2 failed \[attempt 2, not verified\]$/);
    expect(receiver.lines[3]).toMatch(/Z message msg_[0-9a-f]{32}: order 7 \[attempt 1, not verified\]$/);
  });

  it('shows callbacks as not verified without a secret, and takes POST only', async () => {
    await using receiver = await ExampleReceiver.start();
    expect(await receiver.post('no JSON', {})).toBe(204);
    expect(await receiver.post('null', {})).toBe(204);
    await expect
      .poll(() => receiver.lines[0])
      .toContain('7 bytes that are no JSON [attempt ?, not verified]');
    expect((await fetch(receiver.url)).status).toBe(405);
    expect(await receiver.post('x'.repeat(3 * 1024 * 1024), {})).toBe(413);
  });
});
