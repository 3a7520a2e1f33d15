import type { Type } from '@nestjs/common';
import { DECORATORS, IntersectionType } from '@nestjs/swagger';

/** Keywords of JSON Schema; undefined takes away what the plugin found. */
interface Detail {
  type?: 'integer' | 'number' | 'boolean' | 'array';
  format?: 'int64' | 'date-time';
  items?: object;
  enum?: undefined;
  minimum?: number;
  maximum?: number;
  pattern?: undefined;
  description?: string;
}

/** By prototype, the properties of which something is documented here. */
const detailed = new Map<object, Set<string | symbol>>();

/**
 * Documents of a property what its TypeScript type doesn't say. All else, and its place among the others, is found by the
 * compiler's plugin: `ApiProperty` would list it before those that have no decorator.
 */
export function ApiDetail(detail: Detail): PropertyDecorator {
  return (target, property) => {
    if (!detailed.has(target)) detailed.set(target, new Set());
    detailed.get(target)!.add(property);
    const known = Reflect.getOwnMetadata(DECORATORS.API_MODEL_PROPERTIES, target, property) as object;
    Reflect.defineMetadata(DECORATORS.API_MODEL_PROPERTIES, { ...known, ...detail }, target, property);
  };
}

/** Documents a whole number: TypeScript knows no other numbers than `number`. */
export function ApiInteger(): PropertyDecorator {
  return ApiDetail({ type: 'integer' });
}

/** Documents a whole number that 32 bits may not hold. */
export function ApiLargeInteger(): PropertyDecorator {
  return ApiDetail({ type: 'integer', format: 'int64' });
}

/** Documents a time, RFC 3339. */
export function ApiTime(): PropertyDecorator {
  return ApiDetail({ format: 'date-time' });
}

/** A class with the fields of two, their rules, and all that is documented of them, of which `IntersectionType` forgets the details. */
export function fieldsOf<One, Other>(one: Type<One>, other: Type<Other>): Type<One & Other> {
  const both = IntersectionType(one, other) as unknown as Type<One & Other>;
  for (const [prototype, properties] of detailed) {
    if (
      ![one, other].some(
        (type) => type.prototype === prototype || type.prototype instanceof (prototype.constructor as Type),
      )
    )
      continue;
    for (const property of properties) {
      const known = Reflect.getMetadata(DECORATORS.API_MODEL_PROPERTIES, prototype, property) as object;
      Reflect.defineMetadata(DECORATORS.API_MODEL_PROPERTIES, known, both.prototype as object, property);
    }
  }
  return both;
}
