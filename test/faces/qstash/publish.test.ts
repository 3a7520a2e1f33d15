import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../../support/app.js';
import { Receiver } from '../../support/receiver.js';
import { upstash } from './clients.js';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

const client = () => upstash(app.client.url, TEST_KEY);

describe('a message', () => {
  it('arrives as it was published: method, headers, bytes of the body, and a URL that nobody normalises', async () => {
    await using receiver = await Receiver.answering(200);
    const url = `http://127.0.0.1:${receiver.port}//a/%2F/b?x=%2F&y=1+1`;
    const { messageId } = await client().publishJSON({
      url,
      method: 'PUT',
      body: { hello: 'wörld' },
      headers: { 'My-Header': 'my value', Authorization: 'Bearer secret' },
    });
    const [received] = await receiver.received(1);
    expect(received!.path).toBe('//a/%2F/b?x=%2F&y=1+1');
    expect(received!.body).toBe('{"hello":"wörld"}');
    expect(received!.headers).toMatchObject({
      'content-type': 'application/json',
      'my-header': 'my value',
      authorization: 'Bearer secret',
      'user-agent': 'Upstash-QStash',
      'upstash-message-id': messageId,
      'upstash-retried': '0',
      'upstash-caller-ip': '127.0.0.1',
    });
  });
});
