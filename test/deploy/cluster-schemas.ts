import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

type Schema = Record<string, unknown>;
interface Crd {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}

/** Schemas of a version of Kubernetes, and of what operators add to it, as kubeconform takes them: nothing is fetched. */
export async function clusterSchemas(tools: string, version: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  const names = await readdir(join(tools, version));
  await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(tools, version, name), 'utf8');
      // They name each other by an address of kubernetes.io, where kubeconform would look for them.
      const { $id: _, ...schema } = JSON.parse(
        text.replaceAll('"/api/_definitions.json#', '"_definitions.json#'),
        // Most of their size, which is read for every kind.
        (key, value: unknown) => (key === 'description' && typeof value === 'string' ? undefined : value),
      ) as Schema;
      await writeFile(join(into, name), JSON.stringify(schema));
    }),
  );
  for (const name of await readdir(join(tools, 'crds'))) {
    const { spec } = parse(await readFile(join(tools, 'crds', name), 'utf8')) as Crd;
    for (const { name: of, schema } of spec.versions) {
      const [group] = spec.group.split('.');
      const path = join(into, `${spec.names.kind.toLowerCase()}-${group}-${of}.json`);
      await writeFile(path, JSON.stringify(strict(schema.openAPIV3Schema)));
    }
  }
}

/** A cluster drops the fields that a resource's schema doesn't have; here they are errors. */
function strict(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strict);
  if (typeof node !== 'object' || node === null) return node;
  const schema = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, strict(value)]),
  ) as Schema;
  if (schema['x-kubernetes-int-or-string'] === true) return { type: ['integer', 'string'] };
  const closed =
    typeof schema['properties'] === 'object' &&
    schema['type'] === 'object' &&
    schema['additionalProperties'] === undefined &&
    schema['x-kubernetes-preserve-unknown-fields'] !== true;
  return closed ? { ...schema, additionalProperties: false } : schema;
}
