/**
 * Says how large the built console is, and fails where it is larger than people should have to load:
 * what the first screen loads, whichever screen that is, and all that the package has of it.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const BUILT = fileURLToPath(new URL('../dist/console', import.meta.url));
const KB = 1000;
const LIMITS = { script: 150 * KB, style: 20 * KB, package: 700 * KB };

const files = readdirSync(BUILT, { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => statSync(join(BUILT, name)).isFile());
const text = (name) => readFileSync(join(BUILT, name), 'utf8');
const packed = (names) =>
  [...names].reduce((sum, name) => sum + gzipSync(readFileSync(join(BUILT, name))).length, 0);

const page = text('index.html');
const ofPage = files.filter((name) => page.includes(`./${name}"`));

/** What the page loads whatever screen is shown. */
const entry = new Set(ofPage.filter((name) => name.endsWith('.js')));

/** The file and whatever it imports; of a screen also what it loads once it is there, such as its chart. */
function withImports(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  const imports = entry.has(name)
    ? /(?:from|import)\s*"\.\/([\w.-]+\.js)"/g
    : /(?:from|import)\s*\(?["`]\.\/([\w.-]+\.js)["`]/g;
  for (const [, imported] of text(name).matchAll(imports)) withImports(`assets/${imported}`, found);
  return found;
}

for (const name of entry) for (const imported of withImports(name)) entry.add(imported);
/** A screen that is opened first loads its own part too, and styles with it. */
const parts = files.filter((name) => name.endsWith('.js') && !entry.has(name));
const script = Math.max(
  ...parts.map((name) => packed(new Set([...entry, ...withImports(name)]))),
  packed(entry),
);
const style = packed(files.filter((name) => name.endsWith('.css')));
const all = files.reduce((sum, name) => sum + statSync(join(BUILT, name)).size, 0);

const sizes = { script, style, package: all };
const names = { script: 'JavaScript at first load, gzip', style: 'CSS, gzip', package: 'in the package' };
for (const [what, limit] of Object.entries(LIMITS)) {
  const size = sizes[what];
  const line = `${names[what]}: ${(size / KB).toFixed(1)} of ${limit / KB} KB`;
  if (size <= limit) console.log(line);
  else {
    console.error(`${line}: too much; see what "npx vite build console" lists`);
    process.exitCode = 1;
  }
}
