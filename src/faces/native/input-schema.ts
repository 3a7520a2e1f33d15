import type { Type } from '@nestjs/common';
import { targetConstructorToSchema } from 'class-validator-jsonschema';

/** JSON Schema (draft 2020-12) of an operation type's input class; any JSON where there is no class. */
export function inputSchema(input: Type<object> | null): Record<string, unknown> {
  const dialect = { $schema: 'https://json-schema.org/draft/2020-12/schema' };
  if (!input) return dialect;
  return { ...dialect, ...targetConstructorToSchema(input), additionalProperties: false };
}
