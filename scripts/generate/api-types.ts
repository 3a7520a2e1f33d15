import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript';

/** console/src/api-types.d.ts: the shapes of openapi.json, for the console. */
export async function apiTypes(openapi: string): Promise<string> {
  const { openapi: version, info, components } = JSON.parse(openapi) as OpenAPI3;
  const shapes = JSON.stringify(
    { openapi: version, info, paths: {}, components: { schemas: components?.schemas } },
    // What they mean stands in openapi.json; here it would be most of the file.
    (name, value: unknown) => (name === 'description' && typeof value === 'string' ? undefined : value),
  );
  const nodes = await openapiTS(shapes, {
    immutable: true,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
    silent: true,
  });
  return `// Generated from openapi.json by "npm run generate".\n${astToString(nodes)}`;
}
