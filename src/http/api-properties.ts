import { DECORATORS } from '@nestjs/swagger';

/** Keywords of JSON Schema; undefined takes away what the plugin found. */
interface Detail {
  type?: 'integer' | 'number' | 'boolean' | 'array';
  format?: 'int64' | 'date-time';
  items?: object;
  enum?: undefined;
  minimum?: number;
  maximum?: number;
  pattern?: undefined;
}

/**
 * Documents of a property what its TypeScript type doesn't say. All else, and its place among the others, is found by the
 * compiler's plugin: `ApiProperty` would list it before those that have no decorator.
 */
export function ApiDetail(detail: Detail): PropertyDecorator {
  return (target, property) => {
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
