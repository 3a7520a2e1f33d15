import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/command/commands.js';
import { ringback } from '../support/command.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
const isThere = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringback-completion-'));
  const scripts = await Promise.all(SHELLS.map((shell) => ringback(['completion', shell])));
  for (const [at, { code, stdout }] of scripts.entries()) {
    expect(code).toBe(0);
    writeFileSync(join(folder, SHELLS[at]!), stdout);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (shell: string, script: string): string =>
  execFileSync(shell, ['-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: folder },
  });

/** What each shell offers after a line. */
const OFFERED = {
  bash: (line: string) => {
    const words = line.split(' ');
    return run(
      'bash',
      `source ./bash; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _ringback; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
  },
  // Its completion needs a terminal: what would be offered is printed instead.
  zsh: (line: string) => {
    const words = line.split(' ');
    return run(
      'zsh',
      `compdef() { :; }; _files() { :; }; compadd() { shift; print -l -- "$@"; }
       _describe() { print -l -- "\${(@P)2%%:*}"; }
       source ./zsh; words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length}; _ringback`,
    );
  },
  fish: (line: string) => run('fish', `source ./fish; complete -C '${line}'`).replaceAll(/\t.*$/gm, ''),
};

describe.each(SHELLS.filter(isThere))('Completion in %s', (shell) => {
  const offered = (line: string): string[] =>
    OFFERED[shell](line)
      .split('\n')
      .filter((word) => word !== '');

  it('knows every command', () => {
    expect(offered('ringback ')).toEqual(expect.arrayContaining(COMMANDS.map(({ name }) => name)));
  });

  it.each([
    ['ringback endpoints ', ['list', 'make', 'rotate-secret'], ['submit']],
    ['ringback submit --', ['--input', '--callback', '--wait', '--json', '--url'], ['--events']],
    ['ringback endpoints make --', ['--events', '--url'], ['--callback']],
    ['ringback list --', ['--since', '--failed'], ['--yes']],
    ['ringback list --order ', ['asc', 'desc'], []],
    ['ringback completion ', ['bash', 'zsh', 'fish'], []],
  ])('after "%s" offers what can follow', (line, wanted, unwanted) => {
    const words = offered(line);
    expect(words).toEqual(expect.arrayContaining(wanted));
    for (const word of unwanted) expect(words).not.toContain(word);
  });
});

it('bash is there to be tested', () => {
  expect(isThere('bash')).toBe(true);
});
