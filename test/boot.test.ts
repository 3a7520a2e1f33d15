import { describe, expect, it } from 'vitest';
import { Service, temporaryFolder } from './support/service.js';

describe('the service', { timeout: 60_000 }, () => {
  it('prints its address, a key that works and a curl that submits, once', async () => {
    await using folder = await temporaryFolder();
    const environment = { RINGBACK_DATA_DIR: folder.path, RINGBACK_API_KEY: '', RINGBACK_SECRET_KEYS: '' };
    const first = await Service.start(environment);
    const key = /shown this once: (rb_\w+)/.exec(first.output())?.[1];
    expect(first.output()).toContain(`-H 'Authorization: Bearer ${key}'`);
    expect((await first.client.withKey(key!).submit({ type: 'echo' })).status).toBe('Waiting');
    expect(await first.end('SIGTERM')).toBe(0);
    await using second = await Service.start(environment);
    expect(second.output()).not.toContain('shown this once');
    expect((await second.client.withKey(key!).get('/v1/operations')).body.data).toHaveLength(1);
  });

  it('refuses a data folder that another one uses, and says so', async () => {
    await using folder = await temporaryFolder();
    await using _first = await Service.start({ RINGBACK_DATA_DIR: folder.path });
    await expect(Service.start({ RINGBACK_DATA_DIR: folder.path })).rejects.toThrow(folder.path);
  });

  it('refuses to start on a wrong setting, naming it', async () => {
    await expect(
      Service.start({ RINGBACK_CONCURRENCY: 'many', DATABASE_URL: 'postgres://nowhere/x' }),
    ).rejects.toThrow(/RINGBACK_CONCURRENCY/);
  });
});
