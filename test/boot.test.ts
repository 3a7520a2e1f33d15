import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

  it('names all that is wrong in one message, without a stack', async () => {
    const output = await refusal({ PORT: 'abc', RINGBACK_SECRET_KEYS: 'y' });
    expect(output.trimEnd().split('\n')).toEqual([
      '',
      'The environment is wrong; mend it and start again.',
      expect.stringMatching(/^ {2}PORT: /),
      expect.stringMatching(/^ {2}RINGBACK_SECRET_KEYS: /),
    ]);
  });

  const noModule = 'has no Nest module as its default export: export one\n';
  it.each<[what: string, source: string, message: string, stack?: RegExp]>([
    [
      'with a syntax error',
      'const = 1;',
      `cannot be loaded: Unexpected token '=' ("node `,
      /wrong\.mjs" shows where\)\n/,
    ],
    [
      'that throws while it is loaded',
      'throw new Error("no licence");',
      'cannot be loaded: no licence\n',
      /Error: no licence\n +at .*wrong\.mjs:1:7/,
    ],
    [
      'that imports what is not there',
      'import "./gone.mjs";',
      'cannot be loaded: Cannot find module',
      /gone\.mjs/,
    ],
    ['without a default export', 'export class Module {}', noModule],
    ['that exports no module', 'export default [];', noModule],
    [
      'that exports a handler itself',
      `import { OperationType } from ${JSON.stringify(new URL('../dist/src/index.js', import.meta.url).href)};
       export default class Greet { run() {} }
       OperationType({ name: 'greet', title: 'Greet' })(Greet);`,
      noModule,
    ],
  ])('names a handler module %s', async (_, source, message, stack) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'wrong.mjs');
    await writeFile(path, source);
    const output = await refusal({ RINGBACK_DATA_DIR: folder.path, RINGBACK_HANDLERS: path });
    expect(output).toMatch(/^\nRINGBACK_HANDLERS: /);
    expect(output).toContain(`RINGBACK_HANDLERS: "${path}" ${message}`);
    if (stack) expect(output).toMatch(stack);
    else expect(output).not.toMatch(/^ +at /m);
  });
});

/** What a service says that does not start. */
function refusal(environment: Record<string, string>): Promise<string> {
  return Service.start(environment).then(
    () => Promise.reject(new Error('the service has started')),
    (error: Error) => error.message.replace('the service ended: ', ''),
  );
}
