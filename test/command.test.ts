import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readCommand } from '../src/command.js';
import { temporaryFolder } from './support/service.js';

const MAIN = fileURLToPath(new URL('../dist/src/main.js', import.meta.url));
/** The least of some runs: what the command itself takes, whatever else the machine does. */
const RUNS = 10;
const QUICK_MS = 150;

async function ringback(...given: string[]) {
  await using folder = await temporaryFolder();
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...given], {
    cwd: folder.path,
    // Whatever the arguments are, it could start.
    env: { PATH: process.env.PATH, PORT: '0' },
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(existsSync(join(folder.path, '.ringback'))).toBe(false);
  return { status, stdout, stderr };
}

describe('The command', () => {
  it.each(['--version', '-v'])('%s prints the version, at once', async (argument) => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const from = performance.now();
      expect(await ringback(argument)).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
      times.push(performance.now() - from);
    }
    expect(Math.min(...times)).toBeLessThan(QUICK_MS);
  });

  it.each(['--help', '-h', 'help'])('%s says how it is used', async (argument) => {
    const { status, stdout, stderr } = await ringback(argument);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: ringback/);
    expect(stdout).toContain('docs/configuration.md');
  });

  it.each([['--verison'], ['--port', '9000'], ['migrate'], ['serve', 'now'], ['--help', '--version'], ['']])(
    '%s %s is refused in one line, and starts nothing',
    async (...given) => {
      const { status, stdout, stderr } = await ringback(...given);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^ringback: ".*" is not understood: "ringback --help" says what is.*\n$/);
    },
  );

  it('serves without an argument, and with the one that says so', () => {
    expect([readCommand([]), readCommand(['serve'])]).toEqual([{ kind: 'serve' }, { kind: 'serve' }]);
  });
});
