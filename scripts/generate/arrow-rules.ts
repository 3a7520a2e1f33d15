import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Arrows, ARROWS, EXCEPTIONS } from './arrows.js';

const TYPES_ONLY = 'type:';
const TYPEORM = {
  regex: '^(?:typeorm|@nestjs/typeorm)(?:/|$)',
  message: 'TypeORM stays in *.store.ts, *.entity.ts, database/ and migrations/: ask a store.',
};
/** Beside `src`: no folder of it knows them, unless its arrows say so. */
const OUTSIDE = ['migrations', 'scripts', 'bench', 'test', 'examples'];

interface Pattern {
  readonly regex: string;
  readonly message: string;
  readonly allowTypeImports?: boolean;
}

/** `.oxlint-arrows.json`: the arrows, and who knows TypeORM, as rules of the linter. An override replaces those before it. */
export function arrowRules(root: string): string {
  checkArrows(root);
  const files = filesOf(root);
  const overrides = [
    rule(['src/*.ts', 'test/**', 'scripts/**', 'bench/**', 'examples/**'], [TYPEORM]),
    ...Object.entries(ARROWS).flatMap(([folder, targets]) => {
      const patterns = forbidden(folder, targets, files);
      if (folder === 'database') return [rule([`src/${folder}/**`], patterns)];
      const stores = [`src/${folder}/**/*.store.ts`, `src/${folder}/**/*.entity.ts`];
      return [rule([`src/${folder}/**`], [...patterns, TYPEORM]), rule(stores, patterns)];
    }),
    ...Object.entries(EXCEPTIONS).map(([file, more]) => {
      const folder = file.split('/')[0]!;
      return rule([`src/${file}`], [...forbidden(folder, [...ARROWS[folder]!, ...more], files), TYPEORM]);
    }),
  ];
  const head = '// Generated from scripts/generate/arrows.ts by `npm run generate`; change it there.';
  return `${head}\n${JSON.stringify({ overrides }, null, 2)}\n`;
}

function rule(files: readonly string[], patterns: readonly Pattern[]): object {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

function forbidden(folder: string, targets: readonly string[], files: readonly string[]): Pattern[] {
  const known = new Set([folder, ...targets]);
  const folders = [...Object.keys(ARROWS), ...OUTSIDE].filter((name) => !known.has(name));
  const others = [...files, 'ormconfig'].filter((name) => !known.has(name));
  const types = folders.filter((name) => known.has(TYPES_ONLY + name));
  const none = folders.filter((name) => !types.includes(name));
  const may =
    targets.length === 0 ? 'nothing of ours' : targets.join(', ').replaceAll(TYPES_ONLY, 'types of ');
  const message = `${folder} may import ${may}: docs/architecture.md has the arrows.`;
  return [
    { regex: `^(?:\\.\\./)+(?:(?:${alternatives(none)})/|(?:${alternatives(others)})\\.js$)`, message },
    ...types.map((name) => ({ regex: `^(?:\\.\\./)+${name}/`, allowTypeImports: true, message })),
  ];
}

function alternatives(names: readonly string[]): string {
  return names.map((name) => name.replaceAll('.', '\\.')).join('|');
}

/** The files right under `src`, which may import all, and which nobody may but who says so. */
function filesOf(root: string): string[] {
  const names = readdirSync(join(root, 'src'), { withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map(({ name }) => name.replace(/\.ts$/, ''));
}

/** A folder that has no line, a line that has no folder, or arrows in a circle end the generation. */
export function checkArrows(root: string, arrows: Arrows = ARROWS): void {
  const entries = readdirSync(join(root, 'src'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const name of folders)
    if (!arrows[name]) throw new Error(`src/${name} has no line in ARROWS: add one`);
  for (const name of Object.keys(arrows))
    if (!folders.includes(name)) throw new Error(`ARROWS has a line for src/${name}, which is no folder`);
  for (const name of folders)
    if (reachable(name, arrows).has(name)) throw new Error(`arrows lead from src/${name} back to it`);
}

/** All that a folder's arrows lead to, over however many. */
function reachable(from: string, arrows: Arrows): Set<string> {
  const found = new Set<string>();
  const open = [from];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const fresh = foldersOf(name, arrows).filter((to) => !found.has(to));
    for (const to of fresh) found.add(to);
    open.push(...fresh);
  }
  return found;
}

function foldersOf(name: string, arrows: Arrows): string[] {
  return (arrows[name] ?? []).map((to) => to.replace(TYPES_ONLY, '')).filter((to) => to in arrows);
}

/** The diagram of docs/architecture.md: of all arrows those that no longer way stands for. */
export function arrowDiagram(): string {
  const edges = Object.keys(ARROWS).flatMap((from) => {
    const direct = foldersOf(from, ARROWS);
    const further = new Set(direct.flatMap((to) => [...reachable(to, ARROWS)]));
    return direct.filter((to) => !further.has(to)).map((to) => [from, to] as const);
  });
  const targets = new Set(edges.map(([, to]) => to));
  const top = Object.keys(ARROWS).filter((name) => !targets.has(name));
  return [
    '```mermaid',
    'flowchart TD',
    '    program["main, serve, index, app.module …"]',
    ...top.map((name) => `    program --> ${name}`),
    ...edges.map(([from, to]) => `    ${from} --> ${to}`),
    '```',
  ].join('\n');
}

const PART = /(?<=<!-- arrows: .*? -->\n\n).*?(?=\n\n<!-- end of arrows -->)/s;

/** docs/architecture.md with the diagram of today; the rest is written by hand. */
export function withArrows(page: string): string {
  if (!PART.test(page)) throw new Error('docs/architecture.md has no place for the arrows');
  return page.replace(PART, () => arrowDiagram());
}
