// Builds where something has changed since the last build: `npm start` and its like need not wait for nothing.
// `node scripts/build.mjs console` looks at the console alone: the end of `npm run build`, which `node scripts/build.mjs clean` begins.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUILT_CONSOLE = join(ROOT, 'dist/console');
/** What a browser gets packed, where it is larger than this, bytes: most of what is saved is in few files, and each is there twice. */
const PACKED = new Set(['.js', '.css', '.svg']);
const SMALL = 64 * 1024;

const PARTS = {
  service: {
    name: 'Ringback',
    sources: [
      ...['src', 'migrations', 'sql', 'examples', 'scripts'],
      ...['ormconfig.ts', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'],
    ],
    stamp: join(ROOT, 'dist/.sources'),
    isThere: () => true,
    build: () => run('npm', 'run', '--silent', 'build'),
  },
  console: {
    name: 'its console',
    // Of the service it has the client, and what that imports.
    sources: ['console', 'src/client', 'src/verify.ts', 'scripts/build.mjs', 'package-lock.json'],
    stamp: join(ROOT, 'dist/.console-sources'),
    isThere: () => existsSync(join(BUILT_CONSOLE, 'index.html')),
    build: () => {
      run('npx', '--no-install', 'vite', 'build', 'console', '--logLevel', 'warn');
      pack();
    },
  },
};

/** What tells one state of the sources from another. */
function stateOf(sources) {
  const hash = createHash('sha256');
  for (const name of sources.flatMap(filesOf).sort()) {
    const { mtimeMs, size } = statSync(join(ROOT, name));
    hash.update(`${name} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function filesOf(name) {
  if (!statSync(join(ROOT, name)).isDirectory()) return [name];
  return readdirSync(join(ROOT, name), { recursive: true }).map((file) => join(name, file));
}

function builtState({ stamp, isThere }) {
  try {
    return isThere() ? readFileSync(stamp, 'utf8') : null;
  } catch {
    return null;
  }
}

function run(command, ...args) {
  execFileSync(command, args, { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' });
}

/** Once here rather than at each request. */
function pack() {
  for (const name of readdirSync(BUILT_CONSOLE, { recursive: true })) {
    const path = join(BUILT_CONSOLE, name);
    if (PACKED.has(extname(name)) && statSync(path).size > SMALL)
      writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
  }
}

function see(part) {
  const now = stateOf(part.sources);
  const before = builtState(part);
  if (before === now) return;
  // Not to stdout, which is the built program's: `npm run --silent ringback -- list --json` prints JSON alone.
  console.error(
    before === null
      ? `Building ${part.name}, this once: that takes up to a minute …`
      : `Building ${part.name}, whose sources have changed …`,
  );
  part.build();
  writeFileSync(part.stamp, now);
}

if (process.argv[2] === 'clean') {
  // Migrations make whatever function lies there: also one that was renamed.
  rmSync(join(ROOT, 'dist/sql'), { recursive: true, force: true });
} else {
  if (process.argv[2] !== 'console') see(PARTS.service);
  // A package's checkout may be built without it: the service then says that it has none.
  if (existsSync(join(ROOT, 'console/vite.config.ts'))) see(PARTS.console);
}
