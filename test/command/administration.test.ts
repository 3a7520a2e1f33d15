import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../support/app.js';
import { commandOf } from '../support/command.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let command: ReturnType<typeof commandOf>;
beforeAll(async () => {
  app = await App.start();
  command = commandOf(app.client.url, TEST_KEY);
});
afterAll(() => app[Symbol.asyncDispose]());

describe('ringback', () => {
  it('makes accounts and keys, changes and lists them, and takes them away', async () => {
    const account = await command.json(['accounts', 'make', 'acme', '--slots', '5']);
    expect(account).toMatchObject({ name: 'acme', slots: 5 });
    expect(
      await command.json(['accounts', 'change', account.id, '--slots', '6', '--name', 'Acme']),
    ).toMatchObject({ name: 'Acme', slots: 6 });
    expect((await command.run(['accounts', 'get', account.id])).stdout).toMatch(/^slots +6$/m);
    expect((await command.run(['accounts', 'list'])).stdout).toMatch(/Acme +enabled +0 of 6/);

    const scopes = ['--scope', 'operations:write,operations:read', '--scope', 'keys:write'];
    const made = await command.run([
      'keys',
      'make',
      'backend',
      ...scopes,
      '--expires',
      '90d',
      '--account',
      account.id,
    ]);
    const [, id, key] = /^id +(\S+)$.*^key +(rb_\S+) \(shown this once\)$/ms.exec(made.stdout)!;
    const theirs = commandOf(app.client.url, key!);
    expect(await theirs.json(['keys', 'list'])).toMatchObject([
      { id, name: 'backend', scopes: ['operations:write', 'operations:read', 'keys:write'] },
    ]);
    expect(await theirs.json(['submit', 'echo'])).toMatchObject({ type: 'echo' });
    const refused = await theirs.run(['accounts', 'list']);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('Use a key whose scope allows it'),
    ]);
    expect(await command.run(['keys', 'revoke', id!, '--account', account.id])).toMatchObject({
      code: 0,
      stdout: `${id} is revoked.\n`,
    });

    expect(await command.json(['accounts', 'disable', account.id])).toMatchObject({ disabled: true });
    expect(await command.json(['accounts', 'enable', account.id])).toMatchObject({ disabled: false });
    expect(await command.json(['accounts', 'delete', account.id, '--yes'])).toEqual({
      id: account.id,
      deleted: true,
    });
    expect(await command.json(['accounts', 'list'])).toHaveLength(1);
  });

  it('makes endpoints, tests, changes and switches them, and takes them away', async () => {
    await using receiver = await Receiver.answering(204);
    const made = await command.json([
      ...['endpoints', 'make', receiver.url, '--events', 'operation.failed, delivery.exhausted'],
      ...[
        '--description',
        'orders',
        '--header',
        'x-token: secret',
        '--retry-schedule',
        '5,60',
        '--max-in-flight',
        '2',
      ],
    ]);
    expect(made).toMatchObject({
      ...{
        url: receiver.url,
        events: ['operation.failed', 'delivery.exhausted'],
        retry_schedule: [5, 60],
        max_in_flight: 2,
      },
      ...{ headers: [{ key: 'x-token', value: '[redacted]' }], secret: expect.stringMatching(/^whsec_/) },
    });
    const { id, secret } = made;
    expect((await command.run(['endpoints', 'secret', id])).stdout).toBe(`${secret}\n`);
    expect(await command.run(['endpoints', 'test', id])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^attempt 1: delivered, HTTP 204/),
    });
    receiver.answer(500);
    expect(await command.run(['endpoints', 'test', id])).toMatchObject({
      code: 1,
      stderr: 'ringback: the sample did not arrive\n',
    });
    expect(
      await command.json(['endpoints', 'change', id, '--to', `${receiver.url}2`, '--rate-per-s', '10']),
    ).toMatchObject({ url: `${receiver.url}2`, rate_per_s: 10 });
    expect((await command.json(['endpoints', 'rotate-secret', id, '--overlap', '1h'])).secret).not.toBe(
      secret,
    );
    expect((await command.run(['endpoints', 'disable', id])).stdout).toMatch(/^state +disabled$/m);
    expect((await command.run(['endpoints', 'list', '--account', '*'])).stdout).toMatch(
      new RegExp(`${id} +disabled`),
    );
    expect(await command.json(['endpoints', 'enable', id])).toMatchObject({ disabled_at: null });
    expect(await command.run(['endpoints', 'delete', id, '--yes'])).toMatchObject({ code: 0 });
    expect(await command.json(['endpoints', 'list'])).toEqual([]);
  });

  it('prints the secret of the account, and rotates it', async () => {
    const { secret } = (await app.client.get('/v1/signing-secret')).body;
    expect((await command.run(['endpoints', 'secret'])).stdout).toBe(`${secret}\n`);
    expect((await command.json(['endpoints', 'rotate-secret'])).secret).not.toBe(secret);
  });

  it('makes an endpoint that is pulled, and shows how long what is pulled is leased', async () => {
    const made = await command.json(['endpoints', 'make', '--pull', '--lease', '2m', '--ephemeral', '1h']);
    expect(made).toMatchObject({ mode: 'pull', url: null, lease_s: 120, ephemeral_s: 3600 });
    const { stdout } = await command.run(['endpoints', 'get', made.id]);
    expect(stdout).toMatch(/^url +none: it is pulled from$/m);
    expect(stdout).toMatch(/^leased for +2 min$/m);
    expect((await command.run(['endpoints', 'list'])).stdout).toMatch(
      new RegExp(`${made.id} +enabled.*pull$`, 'm'),
    );
    const both = await command.run(['endpoints', 'make', 'https://example.com', '--pull']);
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('or --pull, which has none')]);
  });
});
