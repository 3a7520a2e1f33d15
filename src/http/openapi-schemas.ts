import type { OpenAPIObject } from '@nestjs/swagger';

type Json = Record<string, unknown>;

/** What a schema may say of a value without saying anything about it. */
const ANNOTATIONS = new Set(['type', 'description', 'nullable']);

/** Mends what the Swagger plugin cannot know of the schemas of request and response classes. */
export function mendSchemas(document: OpenAPIObject): void {
  walk(document, (node) => {
    // Comments are wrapped.
    if (typeof node['description'] === 'string')
      node['description'] = node['description'].replace(/\s+/g, ' ');
    for (const property of Object.values((node['properties'] ?? {}) as Record<string, Json>)) {
      asAnyJson(property);
      if (isObject(property['items'])) asAnyJson(property['items']);
    }
    // The compiler lists the members of a union in whatever order it met them: a document must not change with it.
    if (Array.isArray(node['enum'])) node['enum'].sort(byText);
  });
}

/** `unknown` comes as an object of which nothing is said. It is any JSON, which generated clients must send as it was given. */
function asAnyJson(schema: Json): void {
  if (schema['type'] === 'object' && Object.keys(schema).every((key) => ANNOTATIONS.has(key)))
    delete schema['type'];
}

function byText(one: unknown, other: unknown): number {
  return String(one) < String(other) ? -1 : 1;
}

/** Drops the schemas and answers that nothing refers to: generated clients would have classes of them. */
export function dropUnused(document: OpenAPIObject): void {
  const components = document.components as Record<string, Json>;
  const used = new Set<string>();
  const follow = (node: unknown): void =>
    walk(node, ({ $ref }) => {
      if (typeof $ref !== 'string' || used.has($ref)) return;
      used.add($ref);
      const [kind, name] = $ref.split('/').slice(2);
      follow(components[kind!]?.[name!]);
    });
  follow([document.paths, document.webhooks]);
  for (const kind of ['schemas', 'responses']) {
    const all = components[kind] ?? {};
    components[kind] = Object.fromEntries(
      Object.entries(all).filter(([name]) => used.has(`#/components/${kind}/${name}`)),
    );
  }
}

/** Visits every object of a document, outer ones first. Examples are data, not document. */
function walk(node: unknown, visit: (node: Json) => void): void {
  if (Array.isArray(node)) for (const item of node) walk(item, visit);
  if (!isObject(node)) return;
  visit(node);
  for (const [key, value] of Object.entries(node))
    if (key !== 'example' && key !== 'examples') walk(value, visit);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
