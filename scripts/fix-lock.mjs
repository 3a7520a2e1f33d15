/**
 * Mends package-lock.json after `npm install`, or with --check says that it needs mending.
 *
 *   node scripts/fix-lock.mjs [--check] <lockfile>
 *
 * Two things are put right:
 *
 * - npm drops optional packages for other platforms from the lock when it could not read them from the registry
 *   (https://github.com/npm/cli/issues/9846), and then `npm ci` refuses the lock: "Missing: … from lock file". Their
 *   entries are written here, with the platform read from the package's name, as npm would read it from its manifest.
 * - The lock names no registry host: `resolved` URLs would tie everybody to the registry of whoever made the lock.
 *   `integrity` stays, which is what protects the content.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const OPERATING_SYSTEMS = new Map(
  Object.entries({
    aix: 'aix',
    android: 'android',
    darwin: 'darwin',
    freebsd: 'freebsd',
    linux: 'linux',
    netbsd: 'netbsd',
    openbsd: 'openbsd',
    openharmony: 'openharmony',
    sunos: 'sunos',
    win: 'win32',
    win32: 'win32',
    windows: 'win32',
  }),
);

const PROCESSORS = new Map(
  Object.entries({
    arm: 'arm',
    arm64: 'arm64',
    ia32: 'ia32',
    loong64: 'loong64',
    mips64el: 'mips64el',
    ppc64: 'ppc64',
    riscv64: 'riscv64',
    s390x: 's390x',
    wasm32: 'wasm32',
    x64: 'x64',
    x86: 'ia32',
  }),
);

const LIBRARIES = new Map(Object.entries({ gnu: 'glibc', musl: 'musl' }));

const args = process.argv.slice(2);
const check = args.includes('--check');
const [file] = args.filter((arg) => arg !== '--check');
if (!file) {
  console.error('no lock file named: node scripts/fix-lock.mjs [--check] package-lock.json');
  process.exit(2);
}

const lock = JSON.parse(readFileSync(file, 'utf8'));
const repairs = [...addDroppedPackages(lock.packages), ...removeRegistryUrls(lock.packages)];

if (repairs.length === 0) {
  console.log(`${file} is in order`);
} else if (check) {
  console.error(`${file} needs mending: run \`npm run lock\` and commit the result`);
  for (const repair of repairs) console.error(`  ${repair}`);
  process.exitCode = 1;
} else {
  lock.packages = sortedAsNpmDoes(lock.packages);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`mended ${file}:`);
  for (const repair of repairs) console.log(`  ${repair}`);
}

/** Adds an entry for each optional dependency that has none. Only exact versions can be told without the registry. */
function addDroppedPackages(packages) {
  const repairs = [];
  for (const [path, dependent] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(dependent.optionalDependencies ?? {})) {
      if (!/^\d+\.\d+\.\d+/.test(version) || placesOf(name, path).some((place) => packages[place])) continue;
      packages[`node_modules/${name}`] = entryFor(name, version, dependent.dev);
      repairs.push(`missing: ${name}@${version}`);
    }
  }
  return repairs;
}

/** Every place where Node would find a dependency of the package at this path, nearest first. */
function placesOf(name, path) {
  const places = [];
  for (let folder = path; folder; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    if (!folder.endsWith('node_modules')) places.push(`${folder}/node_modules/${name}`);
  }
  return [...places, `node_modules/${name}`];
}

function entryFor(name, version, dev) {
  const words = name.split(/[/-]/);
  const first = (names) => words.map((word) => names.get(word)).find(Boolean);
  const cpu = first(PROCESSORS);
  const os = first(OPERATING_SYSTEMS);
  const libc = os === 'linux' ? first(LIBRARIES) : undefined;
  return {
    version,
    ...(cpu && { cpu: [cpu] }),
    ...(dev && { dev: true }),
    optional: true,
    ...(os && { os: [os] }),
    ...(libc && { libc: [libc] }),
  };
}

/** Workspace links keep their `resolved`: it is a path in this repository, and npm needs it. */
function removeRegistryUrls(packages) {
  const repairs = [];
  for (const [path, entry] of Object.entries(packages)) {
    if (entry.link || typeof entry.resolved !== 'string') continue;
    repairs.push(`resolved from ${entry.resolved}: ${path}`);
    delete entry.resolved;
  }
  return repairs;
}

/** npm's own order, so that its next rewrite of the lock moves nothing. */
function sortedAsNpmDoes(packages) {
  return Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
}
