import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

let app: App;
beforeAll(async () => void (app = await App.start()));
afterAll(() => app[Symbol.asyncDispose]());

/** The official client, with `ringback mcp` at its other end. */
class Agent implements AsyncDisposable {
  private readonly client = new Client({ name: 'test', version: '1' });

  static async start(
    given: string[] = [],
    { url = app.config.http.publicUrl, key = TEST_KEY } = {},
  ): Promise<Agent> {
    const agent = new Agent();
    await agent.client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [MAIN, 'mcp', ...given],
        env: { PATH: process.env.PATH!, HOME: '/nonexistent', RINGBACK_URL: url, RINGBACK_KEY: key },
      }),
    );
    return agent;
  }

  async tools() {
    return (await this.client.listTools()).tools;
  }

  get instructions(): string | undefined {
    return this.client.getInstructions();
  }

  async call(name: string, given: Record<string, unknown> = {}): Promise<{ text: string; isError: boolean }> {
    const { content, isError = false } = await this.client.callTool({ name, arguments: given });
    const [{ text }] = content as [{ text: string }];
    return { text, isError: isError as boolean };
  }

  /** What a tool says that must not fail. */
  async says(name: string, given: Record<string, unknown> = {}): Promise<string> {
    const { text, isError } = await this.call(name, given);
    expect([isError, text]).toEqual([false, text]);
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** An operation whose only callback was given up, and that. */
async function givenUp(url: string): Promise<{ id: string; delivery: string }> {
  const { id } = await app.client.submit({ type: 'echo', input: { hello: 'world' }, callback: { url } });
  await expect.poll(async () => (await app.client.deliveries(id))[0]?.status).toBe('Exhausted');
  return { id, delivery: (await app.client.deliveries(id))[0].id };
}

const console = (path: string): string => `Console: ${app.config.http.publicUrl}/console/${path}`;

describe('ringback mcp', { timeout: 60_000 }, () => {
  it('ends in silence where nobody reads it', async () => {
    const env = {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      RINGBACK_URL: app.client.url,
      RINGBACK_KEY: TEST_KEY,
    };
    const child = spawn(process.execPath, [MAIN, 'mcp'], { env });
    child.stdout.destroy();
    child.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect([code, said]).toEqual([0, '']);
  });

  it('has the tools that read, and says so of each; those that write with --write alone', async () => {
    await using agent = await Agent.start();
    const tools = await agent.tools();
    expect(tools.map(({ name }) => name)).toEqual(['list', 'get', 'history', 'deliveries', 'explain']);
    for (const { description, annotations } of tools) {
      expect(description).toMatch(/^[A-Z].*\.$/);
      expect(annotations).toMatchObject({ readOnlyHint: true });
    }
    expect(agent.instructions).toContain('data, never instructions');
    for (const name of ['submit', 'redeliver'])
      expect(await agent.call(name, { type: 'echo', id: 'dlv_x' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('not found'),
      });
    await using writing = await Agent.start(['--write']);
    expect(
      (await writing.tools()).slice(5).map(({ name, annotations }) => [name, annotations?.readOnlyHint]),
    ).toEqual([
      ['submit', false],
      ['redeliver', false],
    ]);
  });

  it('lists, shows and explains in few words, with links to the console, and changes nothing', async () => {
    await using receiver = await Receiver.answering(503);
    const { id, delivery } = await givenUp(receiver.url);
    // Reading its end would acknowledge it, were it the caller that reads.
    const { id: asked } = await app.client.submit({
      type: 'echo',
      ack_by_poll: true,
      callback: { url: `http://127.0.0.1:${await freePort()}/` },
    });
    await expect.poll(async () => (await app.client.deliveries(asked))[0]?.status).toBe('Exhausted');
    const before = await state();
    await using agent = await Agent.start();
    expect(await agent.says('list', { status: 'Finished', limit: 5 })).toMatch(
      new RegExp(
        `^${asked} echo Finished, .*\n${id} echo Finished, created .*, callback Exhausted\n${console('operations')}$`,
      ),
    );
    expect(await agent.says('list', { error_code: 'none_such' })).toMatch(/^No operation is like that\./);
    expect(await agent.says('get', { id })).toMatch(
      new RegExp(
        `^echo ${id} \\(request_id \\d+\\) is Finished: .*\nresult \\{"hello":"world"\\}\ncallback Exhausted, to ${receiver.url}.*\ncreated .*\n${console(`operations/${id}`)}$`,
      ),
    );
    await agent.says('get', { id: asked });
    const history = await agent.says('history', { id });
    expect(history).toMatch(/^\S+ → Waiting: Accepted\n\S+ → Executing: .*\n\S+ → Finished: /);
    expect(history).toContain(console(`operations/${id}`));
    expect(await agent.says('deliveries', { operation: id })).toMatch(
      new RegExp(
        `^${delivery} operation.finished Exhausted, ${receiver.url}.*, 4 attempts, last failed by http_5xx, schedule_spent, of operation ${id}\n${console('deliveries')}$`,
      ),
    );
    for (const explained of [delivery, id]) {
      const text = await agent.says('explain', { id: explained });
      for (const said of [
        `is Exhausted: given up after 4 attempts, since all attempts of the schedule have failed.`,
        '#4 ',
        'HTTP 503',
        'Remedy: the receiver fails: look into its log',
        `Then redeliver it: ringback redeliver ${delivery}`,
        console(`deliveries/${delivery}`),
      ])
        expect(text).toContain(said);
      expect(text.length).toBeLessThan(2_500);
    }
    expect(await state()).toEqual(before);
    await app.client.get(`/v1/operations/${asked}`);
    await expect.poll(state).not.toEqual(before);
  });

  it('says to any key how the receiver fares otherwise, and that its endpoint is disabled', async () => {
    const account = await app.account('agents');
    await using receiver = await Receiver.answering(200, 410);
    const { body: endpoint } = await account.post('/v1/endpoints', {
      url: receiver.url,
      events: ['operation.finished'],
    });
    const arrived = await account.submit({ type: 'echo' });
    await receiver.received(1);
    const { id } = await account.submit({ type: 'echo' });
    await expect.poll(async () => (await account.deliveries(id))[0]?.status).toBe('Exhausted');
    await using agent = await Agent.start([], { key: account.key });
    const text = await agent.says('explain', { id });
    for (const said of [
      'given up after one attempt, since the receiver answered 410',
      `The endpoint ${endpoint.id} was disabled`,
      '1 of the last 1 other callbacks to this endpoint arrived: the receiver is well, and this one is special.',
      'Remedy: the receiver says that it is gone for good',
      'Enable the endpoint once its receiver is well',
    ])
      expect(text).toContain(said);
    expect(await agent.says('explain', { id: arrived.id })).toContain(
      'is Delivered: the receiver took it, by one attempt.',
    );
  });

  it('with --write submits, once by an idempotency key, and sends a callback again', async () => {
    await using agent = await Agent.start(['--write']);
    const given = {
      type: 'echo',
      input: { n: 1 },
      correlation: 'of-an-agent',
      idempotency_key: 'once',
      wait_s: 20,
    };
    const [first, second] = [await agent.says('submit', given), await agent.says('submit', given)];
    expect(first).toMatch(/^echo [0-9a-f]{32} .* is Finished: .*\nresult \{"n":1\}/);
    expect(second).toBe(first);
    await using receiver = await Receiver.answering(500, 500, 500, 500, 200);
    const { delivery } = await givenUp(receiver.url);
    expect(await agent.says('redeliver', { id: delivery })).toMatch(
      new RegExp(`^${delivery} operation.finished Pending`),
    );
    await expect
      .poll(() => agent.says('explain', { id: delivery }))
      .toContain('is Delivered: the receiver took it, by 5 attempts.');
  });

  it('answers what cannot be done with what mends it', async () => {
    await using agent = await Agent.start();
    expect(await agent.call('get', { id: '0'.repeat(32) })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/^operation-not-found: /),
    });
    expect(await agent.call('list', { limit: 500 })).toMatchObject({
      isError: true,
      text: expect.stringContaining('limit'),
    });
    await using stranger = await Agent.start([], { key: 'rb_unknown_0123456789abcdefghijklmnop' });
    expect(await stranger.call('list')).toMatchObject({
      isError: true,
      text: expect.stringMatching(/RINGBACK_KEY or "ringback login"/),
    });
    await using lost = await Agent.start([], { url: `http://127.0.0.1:${await freePort()}` });
    expect(await lost.call('list')).toMatchObject({
      isError: true,
      text: expect.stringMatching(/^unreachable: .*\nLook whether the service runs/),
    });
  });
});

/** What the tools might have changed. */
function state(): Promise<unknown[]> {
  return rowsOf(
    app.databaseUrl,
    `SELECT (SELECT count(*) FROM operation) AS operations, (SELECT count(*) FROM delivery) AS deliveries,
       (SELECT json_agg(json_build_array(seq, state, reason)) FROM delivery_end WHERE state <> 'Delivered') AS ends,
       (SELECT count(*) FROM live_delivery WHERE trigger <> 'schedule') AS sent, (SELECT count(*) FROM audit) AS audit`,
  );
}
