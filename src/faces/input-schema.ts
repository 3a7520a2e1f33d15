import type { Type } from '@nestjs/common';
import { DECORATORS } from '@nestjs/swagger';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { ValidationTypes } from 'class-validator';
import { targetConstructorToSchema } from 'class-validator-jsonschema';
import { DIALECT } from '../operations/declared/input-schema.js';
import type { RegisteredType } from '../operations/run/registered-type.js';

/** Where the Swagger plugin puts what it has read of a class. */
const METADATA_FACTORY_NAME = '_OPENAPI_METADATA_FACTORY';

/** JSON Schema (draft 2020-12) of an operation type's input: as it was declared, or what its class says. */
export function schemaOfType({
  input,
  declared,
}: Pick<RegisteredType, 'input' | 'declared'>): Record<string, unknown> {
  return declared === null ? inputSchema(input) : { $schema: DIALECT, ...declared.schema.document };
}

/** JSON Schema (draft 2020-12) of an operation type's input class; any JSON where there is no class. */
export function inputSchema(input: Type<object> | null): Record<string, unknown> {
  const dialect = { $schema: DIALECT };
  return input ? { ...dialect, ...schemaOf(input, []) } : dialect;
}

/** With the schemas of the classes in it, since there is nowhere that a reference could point to. */
function schemaOf(type: Type<object>, within: Type<object>[]): Record<string, unknown> {
  const path = [...within, type];
  const schema = targetConstructorToSchema(type, {
    additionalConverters: {
      [ValidationTypes.NESTED_VALIDATION]: ({ target, propertyName }) => {
        const nested = nestedType(target as Type<object>, propertyName);
        // A class in itself is any object there: a schema without references has an end.
        if (nested === undefined || path.includes(nested)) return { type: 'object' };
        return schemaOf(nested, path);
      },
    },
  });
  return { ...schema, ...described(schema.properties, type), additionalProperties: false };
}

/** With what is said of each field to people, by `@ApiProperty` or by comments that the Swagger plugin has read. */
function described(
  properties: Record<string, object> | undefined,
  type: Type<object>,
): { properties?: Record<string, object> } {
  if (!properties) return {};
  return {
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, schema]) => {
        const description = descriptionOf(type, name);
        return [name, description === undefined ? schema : { ...schema, description }];
      }),
    ),
  };
}

interface Annotated {
  readonly description?: string;
}

function descriptionOf(type: Type<object>, property: string): string | undefined {
  const declared = Reflect.getMetadata(
    DECORATORS.API_MODEL_PROPERTIES,
    type.prototype as object,
    property,
  ) as Annotated | undefined;
  const { [METADATA_FACTORY_NAME]: read } = type as {
    [METADATA_FACTORY_NAME]?: () => Record<string, Annotated>;
  };
  // Comments are wrapped.
  return (declared?.description || read?.()[property]?.description)?.replace(/\s+/g, ' ');
}

/** The class that `@Type` names, or TypeScript. */
function nestedType(target: Type<object>, property: string): Type<object> | undefined {
  const named = defaultMetadataStorage.findTypeMetadata(target, property)?.typeFunction() as Type<object>;
  return named ?? Reflect.getMetadata('design:type', target.prototype as object, property);
}
