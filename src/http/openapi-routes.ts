import type { OpenAPIObject } from '@nestjs/swagger';

export type Route = NonNullable<OpenAPIObject['paths'][string]['get']>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
export type Method = (typeof METHODS)[number];

/** Every route of the document. */
export function routesOf(document: OpenAPIObject): { path: string; method: Method; route: Route }[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] ? [{ path, method, route: item[method] }] : [])),
  );
}

/** Says of every route what can be said of any: that it needs no credentials where it names none, and its summary in a line. */
export function describeRoutes(document: OpenAPIObject): void {
  for (const { route } of routesOf(document)) {
    route.security ??= [];
    const text = (route.summary ?? '').replace(/\s+/g, ' ');
    const [summary = ''] = /^.*?\.(?= [A-Z])|^.*/.exec(text)!;
    route.summary = summary.replace(/\.$/, '');
    const more = text.slice(summary.length).trim();
    if (more !== '') route.description ??= more;
  }
}

/** Drops the tags that no route of this process has. */
export function dropUnusedTags(document: OpenAPIObject): void {
  const items = [...Object.values(document.paths), ...Object.values(document.webhooks ?? {})];
  const used = new Set(items.flatMap((item) => METHODS.flatMap((method) => item[method]?.tags ?? [])));
  document.tags = (document.tags ?? []).filter(({ name }) => used.has(name));
}
