import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/command/commands.js';
import { ringback } from '../support/command.js';
import { temporaryFolder } from '../support/service.js';

/** Runs of which the middle one is looked at, and what the command may take beyond Node itself. */
const RUNS = 7;
const QUICK_MS = 150;

/** In an empty folder, in which nothing may have been started afterwards. */
async function unstarted(...given: string[]) {
  await using folder = await temporaryFolder();
  const ended = await ringback(given, { cwd: folder.path });
  expect(existsSync(join(folder.path, '.ringback'))).toBe(false);
  return ended;
}

const middle = (times: number[]): number => times.sort((one, other) => one - other)[RUNS >> 1]!;

async function timed(work: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const from = performance.now();
    await work();
    times.push(performance.now() - from);
  }
  return middle(times);
}

describe('The command', () => {
  it.each(['--version', '-v'])('%s prints the version, at once', async (argument) => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    const bare = await timed(() => execFileSync(process.execPath, ['-e', '0']));
    const ours = await timed(async () =>
      expect(await unstarted(argument)).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' }),
    );
    // Of a machine on which Node alone takes as long, nothing can be asked.
    expect(ours).toBeLessThan(Math.max(QUICK_MS, 3 * bare));
  });

  it.each([['--help'], ['-h'], ['help']])('%s says what there is', async (argument) => {
    const { code, stdout, stderr } = await unstarted(argument);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: ringback/);
    for (const { name, summary } of COMMANDS)
      expect(stdout).toMatch(new RegExp(`^ {2}${name} +${summary.slice(0, 20)}`, 'm'));
    expect(stdout).toContain('docs/configuration.md');
  });

  it.each([
    [['--verison'], `unknown option '--verison'\n(Did you mean --version?)`],
    [['--port', '9000'], `unknown option '--port'`],
    [['serv'], `unknown command 'serv'\n(Did you mean serve?)`],
    [['serve', 'now'], `too many arguments for 'serve'`],
    [['serve', '--jsno'], `unknown option '--jsno'`],
    [['get'], `missing required argument 'id'`],
    [['get', 'x', '--jsn'], `unknown option '--jsn'\n(Did you mean --json?)`],
    [['get', 'x'], 'no service is known here: give --url and --key'],
    [['get', 'x', '--url', 'nonsense'], 'url "nonsense" can\'t be called'],
    [[''], `unknown command ''`],
  ])('%j is refused by exit code 2, and starts nothing', async (given, message) => {
    const { code, stdout, stderr } = await unstarted(...given);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`ringback: ${message}`);
  });
});
