import { Resolver } from 'node:dns/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { App } from '../support/app.js';
import { Receiver } from '../support/receiver.js';

/** What DNS answers in this test, one answer after another; the last repeats. */
function dnsAnswers(...answers: string[][]): void {
  let asked = 0;
  vi.spyOn(Resolver.prototype, 'resolve4').mockImplementation(
    (async () => answers[Math.min(asked++, answers.length - 1)]!) as never,
  );
  vi.spyOn(Resolver.prototype, 'resolve6').mockImplementation((async () => []) as never);
}
afterEach(() => vi.restoreAllMocks());

const egress = { allowHttp: true };

describe('a name that leads to a private address for a moment', () => {
  it('fails the attempt, connects to nothing, and is delivered by the schedule', async () => {
    await using app = await App.start({ egress });
    await using receiver = await Receiver.answering(200);
    dnsAnswers(['10.1.2.3'], ['0.0.0.0'], ['127.0.0.1']);
    const integrator = await app.account('integrator');
    const { id } = await integrator.submit({
      type: 'echo',
      callback: { url: `http://hooks.example.com:${receiver.port}/` },
    });
    await receiver.received(1);
    const log = async () => (await integrator.get(`/v1/operations/${id}/deliveries`)).body.data[0];
    await expect.poll(async () => (await log()).status).toBe('Delivered');
    const { body: delivery } = await integrator.get(`/v1/deliveries/${(await log()).id}`);
    expect(delivery.attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      'failed',
      'failed',
      'delivered',
    ]);
    expect(delivery.attempts[0]).toMatchObject({
      error: 'dns_error: the host name could not be resolved',
    });
    expect(delivery.attempts[0]).not.toHaveProperty('detail');
    expect(JSON.stringify(delivery)).not.toContain('10.1.2.3');
    expect(receiver.all).toHaveLength(1);
  });

  it('tells keys with the scope admin where it led, in the log and in a test of an endpoint', async () => {
    await using app = await App.start({ egress, deliveries: { schedule: [] } });
    dnsAnswers(['10.1.2.3']);
    const url = 'http://hooks.example.com/';
    const { id } = await app.client.submit({ type: 'echo', callback: { url } });
    const first = async () => (await app.client.get(`/v1/operations/${id}/deliveries`)).body.data[0];
    await expect.poll(async () => (await first())?.status).toBe('Exhausted');
    expect((await first()).reason).toBe('schedule_spent');
    const detail = expect.stringContaining('hooks.example.com leads to 10.1.2.3');
    const { body: delivery } = await app.client.get(`/v1/deliveries/${(await first()).id}`);
    expect(delivery.attempts).toMatchObject([{ error: expect.stringMatching(/^dns_error: /), detail }]);
    for (const [client, told] of [
      [app.client, detail],
      [await app.account('integrator'), undefined],
    ] as const) {
      const { body: endpoint } = await client.post('/v1/endpoints', { url });
      const { body: attempt } = await client.post(`/v1/endpoints/${endpoint.id}/test`);
      expect(attempt).toMatchObject({ error: expect.stringMatching(/^dns_error: /) });
      expect(attempt.detail).toEqual(told);
    }
  });

  it('is tried again by http.request, and shows its address to operators alone', async () => {
    await using app = await App.start({ egress });
    const integrator = await app.account('integrator');
    await using receiver = await Receiver.answering(200);
    dnsAnswers(['10.1.2.3'], ['127.0.0.1']);
    const url = `http://api.example.com:${receiver.port}/`;
    const { body: accounts } = await app.client.get('/v1/accounts');
    const { id: accountId } = accounts.data.find(({ name }: { name: string }) => name === 'integrator');
    const key = { name: 'operator', scopes: ['admin'] };
    const operator = app.client.withKey(
      (await app.client.post(`/v1/accounts/${accountId}/keys`, key)).body.key,
    );
    const { id } = await integrator.submit({ type: 'http.request', input: { method: 'GET', url } });
    const ended = await integrator.ended(id);
    expect(ended).toMatchObject({ status: 'Finished', attempt: 2 });
    const history = `/v1/operations/${id}/history`;
    expect((await integrator.get(history)).text + JSON.stringify(ended)).not.toContain('10.1.2.3');
    expect((await operator.get(history)).text).toContain('api.example.com leads to 10.1.2.3');
  });

  it('is no refusal of the URL when it is given', async () => {
    await using app = await App.start({ egress });
    dnsAnswers(['10.1.2.3']);
    const { body } = await app.client.post('/v1/callback-check', { url: 'https://hooks.example.com/' });
    expect(body).toEqual({ accepted: true, code: null, reason: null });
  });

  it('ends a handshake as any failure of DNS does, without the address', async () => {
    await using app = await App.start({ egress });
    dnsAnswers(['10.1.2.3']);
    const refused = await app.client.post('/v1/endpoints', {
      url: 'http://hooks.example.com/',
      handshake: true,
    });
    expect(refused.status).toBe(422);
    expect(refused.text).toContain('the host name could not be resolved');
    expect(refused.text).not.toContain('10.1.2.3');
  });
});

describe('a name of RINGBACK_ALLOWED_HOSTS', () => {
  it('gets callbacks, as an endpoint too, and requests in the background, by http and at a private address', async () => {
    // Found by this machine's own means: nobody asks DNS.
    dnsAnswers([]);
    await using receiver = await Receiver.answering(200);
    await using app = await App.start({
      egress: { allowedPrivate: '', allowedHosts: `localhost:${receiver.port}` },
    });
    const url = `http://localhost:${receiver.port}/hook`;
    await app.client.submit({ type: 'echo', callback: { url } });
    await receiver.received(1);
    const { body: endpoint } = await app.client.post('/v1/endpoints', { url });
    expect((await app.client.post(`/v1/endpoints/${endpoint.id}/test`)).body.outcome).toBe('delivered');
    const { id } = await app.client.submit({ type: 'http.request', input: { method: 'GET', url } });
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished' });
    const other = await app.client.post('/v1/operations', {
      type: 'echo',
      callback: { url: `http://127.0.0.1:${receiver.port}/` },
    });
    expect(other.status).toBe(422);
  });

  it('is named as the remedy where an internal name is refused', async () => {
    await using app = await App.start();
    for (const [path, body] of [
      ['/v1/operations', { type: 'echo', callback: { url: 'http://receiver:5001/' } }],
      ['/v1/endpoints', { url: 'http://receiver:5001/' }],
      ['/v1/operations', { type: 'http.request', input: { method: 'GET', url: 'http://receiver:5001/' } }],
    ] as const) {
      const refused = await app.client.post(path, body);
      expect(refused.status).toBe(422);
      expect(refused.text).toContain('RINGBACK_ALLOWED_HOSTS');
    }
  });
});
