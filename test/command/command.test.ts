import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { load, programOf } from '../../src/command/program.js';
import { COMMANDS } from '../../src/command/commands.js';
import { ringback } from '../support/command.js';
import { temporaryFolder } from '../support/service.js';

/** Runs of which the middle one is looked at, and what the command may take beyond Node itself. */
const RUNS = 7;
const QUICK_MS = 150;

/** What runs until it is stopped, speaks a protocol, or prints a script. */
const WITHOUT_JSON = new Set(['serve', 'dev', 'mcp', 'completion']);

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

  it.each([[['--help']], [['tail', '--help']], [['doctor', '--help']], [['--version']]])(
    '%j ends in silence where nobody reads it',
    async (given) => {
      const ended = await ringback(given, { closesStdout: true });
      expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
    },
  );

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

  it('has help with examples for everything, and --json for all that prints', async () => {
    const program = programOf();
    await Promise.all(program.commands.map(load));
    for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      const name = [command.parent === program ? '' : command.parent!.name(), command.name()]
        .join(' ')
        .trim();
      expect(help, name).toMatch(/^Examples:$/m);
      expect(help, name).toContain(`\n  ringback ${name}`);
      expect(help, name).not.toMatch(/undefined/);
      if (command.commands.length === 0 && !WITHOUT_JSON.has(name)) expect(help, name).toContain('--json');
    }
  });

  it.each(['README.md', 'docs/command.md'])('is as %s uses it', async (page) => {
    const program = programOf();
    await Promise.all(program.commands.map(load));
    const text = await readFile(page, 'utf8');
    const uses = [...text.matchAll(/ringback ((?:[a-z-]+ ?)+)?((?:(?!ringback )[^\n`|])*)/g)].filter(
      ([all]) => all.includes('--'),
    );
    expect(uses.length).toBeGreaterThan(1);
    for (const [all, words = '', rest = ''] of uses) {
      const named = words.trim().split(' ');
      const first = program.commands.find((command) => command.name() === named[0]);
      // What stands in a sentence is no use of it.
      if (!first) continue;
      const command = first.commands.find((one) => one.name() === named[1]) ?? first;
      const options = command.options.flatMap(({ long, short }) => [long, short]);
      for (const [, flag] of rest.matchAll(/(?<=\s|^)(--[a-z-]+)/g)) expect(options, all).toContain(flag);
    }
  });
});
