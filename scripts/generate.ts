import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import 'reflect-metadata';
import { EmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.js';
import { apiTypes } from './generate/api-types.js';
import { arrowRules, withArrows } from './generate/arrow-rules.js';
import { configurationPage, envExample } from './generate/configuration.js';
import { openApiDocument } from './generate/openapi.js';
import { schemaDump } from './generate/schema.js';
import { stateMachinesPage } from './generate/state-machines.js';

// Runs compiled, from dist/scripts: the Swagger plugin documents the request and response classes while they are compiled.
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const committed = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

/** Every generated file of the repository: path → text. */
async function generated(): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-generate-'));
  const postgres = await EmbeddedPostgres.start({ dataDir: folder });
  try {
    // Migrates, hence before the dump.
    const openapi = await openApiDocument(postgres.url, folder);
    return new Map([
      ['docs/configuration.md', configurationPage()],
      ['.env.example', envExample()],
      ['docs/state-machines.md', stateMachinesPage()],
      ['docs/architecture.md', withArrows(await committed('docs/architecture.md'))],
      ['.oxlint-arrows.json', arrowRules(ROOT)],
      ['openapi.json', openapi],
      ['console/src/api-types.d.ts', await apiTypes(openapi)],
      ['schema.sql', await schemaDump(postgres.url)],
      // A chart has only what is in its folder.
      ['deploy/helm/ringback/files/rules.yaml', await committed('deploy/prometheus/rules.yaml')],
      ['deploy/helm/ringback/files/dashboard.json', await committed('deploy/grafana/ringback.json')],
    ]);
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function write(files: Map<string, string>): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(dirname(join(ROOT, path)), { recursive: true });
    await writeFile(join(ROOT, path), text);
  }
}

/** Paths whose committed text isn't what would be generated now. */
async function stale(files: Map<string, string>): Promise<string[]> {
  const compared = await Promise.all(
    [...files].map(async ([path, text]) => {
      const before = await committed(path).catch(() => null);
      return before === text ? null : path;
    }),
  );
  return compared.filter((path) => path !== null);
}

const files = await generated();
if (process.argv.includes('--check')) {
  const wrong = await stale(files);
  for (const path of wrong)
    console.error(`${path} is not what the source says now: run "npm run generate" and commit it`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
} else {
  await write(files);
  console.log(`Wrote ${[...files.keys()].join(', ')}.`);
}
