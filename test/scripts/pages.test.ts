import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a reader is told to make. */
const THEIRS = [
  'examples/word-count.ts',
  'examples/lines.test.ts',
  'receiver.ts',
  'submit.ts',
  'src/handlers.ts',
];
const PAGES = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT })];

/** What a page names in code marks: paths from the top, and after one of those, of files beside it. */
function pathsIn(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    let folder = '.';
    return [...line.matchAll(/`([\w./-]+)`/g)].flatMap(([, named]) => {
      if (/^(?:src|test|scripts|bench|migrations|examples|docs|tools)\//.test(named!)) {
        folder = named!.endsWith('/') ? named! : dirname(named!);
        return [named!];
      }
      return /^[\w-]+(?:\.[\w-]+)*\.ts$/.test(named!) ? [join(folder, named!)] : [];
    });
  });
}

describe('A page', () => {
  it.each(PAGES)('%s names no file or folder of the project that is not there', (page) => {
    const missing = pathsIn(readFileSync(join(ROOT, page), 'utf8')).filter(
      (path) => !THEIRS.includes(path) && !existsSync(join(ROOT, path)),
    );
    expect(missing).toEqual([]);
  });

  it('of the architecture tells where to look for what newcomers look for', () => {
    const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
    const table = text.slice(text.indexOf('## Where to look'));
    expect(pathsIn(table).length).toBeGreaterThan(25);
    for (const word of ['gateway', 'cancel', 'waiting', 'rescue', 'client']) expect(table).toContain(word);
  });
});
