import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/api.md'), 'utf8');
/** `status code` of each row of the table of errors. */
const documented = new Set(
  [...page.matchAll(/^\| (\d{3}) +\| (`.*?) +\|/gm)].flatMap(([, status, codes]) =>
    [...codes!.matchAll(/`([\w-]+)`/g)].map(([, code]) => `${status} ${code}`),
  ),
);

/** What the other faces say is in pages of their own. */
const files = globSync('src/{http,endpoints,operations,files,accounts,faces/*.ts,faces/native}', {
  cwd: root,
})
  .flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.ts`, { cwd: root })))
  .map((path) => readFileSync(join(root, path), 'utf8'));

describe('the table of errors in docs/api.md', () => {
  it('has every problem that a native route or the server answers', () => {
    const said = files.flatMap((source) =>
      [...source.matchAll(/new Problem\(\s*(\d{3}),\s*'([\w-]+)'/g)].map(
        ([, status, code]) => `${status} ${code}`,
      ),
    );
    expect(said.length).toBeGreaterThan(20);
    expect(said.filter((problem) => !documented.has(problem))).toEqual([]);
  });

  it('has every code that an error of the core carries', () => {
    const codes = new Set([...documented].map((row) => row.slice(4)));
    const said = files.flatMap((source) =>
      [...source.matchAll(/(?:RefusedError|ExpiredError)\(\s*'([\w-]+)'|readonly code = '([\w-]+)'/g)].map(
        ([, thrown, own]) => thrown ?? own!,
      ),
    );
    expect(said.length).toBeGreaterThan(15);
    expect(said.filter((code) => !codes.has(code))).toEqual([]);
  });

  it('has the code of a URL that is too long', () => expect(documented).toContain('414 uri-too-long'));
});
