import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CHART = join(ROOT, 'deploy/helm/ringback');
/** What test/deploy/install-tools.sh filled. */
export const TOOLS = process.env['RINGBACK_TEST_HELM'] || undefined;

/** The cases that have a golden file. */
export const GOLDEN = ['default', 'split-roles', 'external-secrets', 'keda', 'embedded-gateway'];
export const valuesOf = (name: string): string => join(ROOT, 'test/deploy/values', `${name}.yaml`);

export async function helm(...args: string[]): Promise<string> {
  // Neither a cluster nor plugins of whoever runs this.
  const env = {
    PATH: process.env['PATH'],
    KUBECONFIG: '/dev/null',
    HOME: tmpdir(),
    HELM_PLUGINS: '/dev/null',
  };
  const { stdout } = await run(join(TOOLS!, 'bin/helm'), args, { env, maxBuffer: 32 * 1024 * 1024 });
  return stdout;
}

/** The manifests of a release `ringback` in the namespace `background`. */
export function template(values: string, ...args: string[]): Promise<string> {
  return helm('template', 'ringback', CHART, '-n', 'background', '-f', values, ...args);
}

/** What is told after an installation, which `helm template` leaves out. */
export async function notes(values: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-chart-'));
  try {
    await cp(CHART, folder, { recursive: true });
    const text = await readFile(join(folder, 'templates/NOTES.txt'), 'utf8');
    await writeFile(join(folder, 'templates/_notes.tpl'), `{{ define "notes" }}${text}{{ end }}`);
    await writeFile(join(folder, 'templates/notes.yaml'), 'notes: {{ include "notes" . | quote }}\n');
    const rendered = await helm(
      'template',
      'ringback',
      folder,
      '-n',
      'background',
      '-f',
      values,
      '-s',
      'templates/notes.yaml',
    );
    return JSON.parse(rendered.slice(rendered.indexOf('notes: ') + 'notes: '.length)) as string;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a cluster of that version says of manifests; empty where it takes them all. */
export async function kubeconform(schemas: string, version: string, path: string): Promise<string> {
  const location = join(schemas, '{{.ResourceKind}}{{.KindSuffix}}.json');
  const args = ['-strict', '-kubernetes-version', version, '-schema-location', location, path];
  const { stdout } = await run(join(TOOLS!, 'bin/kubeconform'), args).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}
