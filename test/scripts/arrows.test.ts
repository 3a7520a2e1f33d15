import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arrowRules, checkArrows, withArrows } from '../../scripts/generate/arrow-rules.js';
import { ARROWS, EXCEPTIONS } from '../../scripts/generate/arrows.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OXLINT = join(dirname(createRequire(import.meta.url).resolve('oxlint/package.json')), 'bin/oxlint');
const FOLDERS = Object.keys(ARROWS);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-arrows-'));
  await writeFile(join(folder, 'rules.json'), arrowRules(ROOT));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The files, of those given with what they import, in which lint finds an import that is forbidden. */
async function refused(files: Record<string, string>): Promise<string[]> {
  for (const [path, code] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), code);
  }
  const args = [OXLINT, '-c', 'rules.json', '-A', 'all', '--format', 'json', ...Object.keys(files)];
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 1 << 26 }, (_error, stdout) =>
      resolve(stdout),
    );
  });
  const { diagnostics } = JSON.parse(output) as { diagnostics: { code: string; filename: string }[] };
  expect(new Set(diagnostics.map(({ code }) => code))).toEqual(new Set(['eslint(no-restricted-imports)']));
  return [...new Set(diagnostics.map(({ filename }) => filename))].toSorted();
}

const importing = (path: string): string => `import { x } from '${path}';\nexport const y = x;\n`;

describe('An import from folder to folder', () => {
  it('is refused by lint wherever the table has no arrow, and nowhere else', async () => {
    const pairs = FOLDERS.flatMap((from) =>
      FOLDERS.filter((to) => to !== from).map((to) => ({ from, to, path: `src/${from}/to-${to}.ts` })),
    );
    const files = Object.fromEntries(pairs.map(({ to, path }) => [path, importing(`../${to}/x.js`)]));
    const wrong = pairs.filter(({ from, to }) => !ARROWS[from]!.includes(to)).map(({ path }) => path);
    expect(wrong.filter((path) => path.startsWith('src/client/')).length).toBe(FOLDERS.length - 1);
    expect(await refused(files)).toEqual(wrong.toSorted());
  });

  it('is refused as well from a folder in a folder, as a re-export and as a type', async () => {
    const files = {
      'src/faces/native/deep.ts': importing('../../engine/x.js'),
      'src/faces/native/own.ts': importing('../queues.js'),
      'src/client/again.ts': `export * from '../config/env.js';\n`,
      'src/client/type.ts': `import type { X } from '../config/env.js';\nexport type Y = X;\n`,
      'src/faces/signs.ts': importing('../signing/x.js'),
      'src/faces/knows.ts': `import type { X } from '../signing/x.js';\nexport type Y = X;\n`,
    };
    expect(await refused(files)).toEqual([
      'src/client/again.ts',
      'src/client/type.ts',
      'src/faces/native/deep.ts',
      'src/faces/signs.ts',
    ]);
  });

  it('of what puts the program together, of its tests or of TypeORM is refused but where it belongs', async () => {
    const files = {
      'src/operations/a.ts': importing('../app.module.js'),
      'src/embedding/a.ts': importing('../app.module.js'),
      'src/config/a.ts': importing('../../ormconfig.js'),
      'src/database/a.ts': importing('../../ormconfig.js'),
      'src/http/a.ts': importing('../../test/support/app.js'),
      'src/operations/b.ts': importing('typeorm'),
      'src/operations/b.store.ts': importing('typeorm'),
      'src/operations/c.store.ts': importing('../faces/x.js'),
      'src/a.ts': importing('@nestjs/typeorm'),
    };
    expect(await refused(files)).toEqual([
      'src/a.ts',
      'src/config/a.ts',
      'src/http/a.ts',
      'src/operations/a.ts',
      'src/operations/b.ts',
      'src/operations/c.store.ts',
    ]);
  });

  it('has few exceptions, each of a file that is there', async () => {
    const files = await readdir(join(ROOT, 'src'), { recursive: true });
    expect(Object.keys(EXCEPTIONS).filter((file) => !files.includes(file))).toEqual([]);
    const [file, [to]] = Object.entries(EXCEPTIONS)[0]! as [string, [string]];
    const code = importing(`../../${to}/x.js`);
    expect(await refused({ [`src/${file}`]: code, 'src/faces/native/other.ts': code })).toEqual([
      'src/faces/native/other.ts',
    ]);
  });
});

describe('The table of arrows', () => {
  it('has no circle, and a line for each folder and no other', () => {
    expect(() => checkArrows(ROOT, { ...ARROWS, config: ['faces'] })).toThrow(
      /arrows lead from src\/\w+ back to it/,
    );
    const { client: _client, ...rest } = ARROWS;
    expect(() => checkArrows(ROOT, rest)).toThrow('src/client has no line in ARROWS');
    expect(() => checkArrows(ROOT, { ...ARROWS, common: [] })).toThrow('a line for src/common');
  });

  it('is drawn where the page has a place for it', () => {
    expect(() => withArrows('# Architecture')).toThrow('no place for the arrows');
    const page = withArrows('<!-- arrows: generated -->\n\nold\n\n<!-- end of arrows -->\n');
    expect(page).toContain('    operations --> deliveries\n');
    expect(page).toContain('    program --> testing\n');
    // Over deliveries.
    expect(page).not.toContain('operations --> egress');
    expect(page).not.toContain('old');
  });
});
