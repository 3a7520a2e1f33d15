import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import type { ClassConstructor } from 'class-transformer';
import { validated } from '../config/validation.js';
import { Problem } from './problem.js';

/** Validates bodies (422) and queries (400); undeclared fields are refused, never dropped in silence. */
export class RequestValidationPipe implements PipeTransform {
  async transform(given: unknown, { type, metatype }: ArgumentMetadata): Promise<unknown> {
    if ((type !== 'body' && type !== 'query') || !isRequestClass(metatype)) return given;
    // No body is one without fields, so that the fields that are missing are named, where any are needed.
    const plain = given === undefined ? {} : given;
    if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
      throw new Problem(422, 'invalid-request', 'the body must be a JSON object', {
        errors: [{ path: 'body', message: 'must be a JSON object' }],
      });
    }
    const { value, errors } = await validated(metatype, plain);
    if (errors.length === 0) return value;
    const detail = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw type === 'query'
      ? new Problem(400, 'invalid-query', detail, { errors })
      : new Problem(422, 'invalid-request', detail, { errors });
  }
}

function isRequestClass(metatype: ArgumentMetadata['metatype']): metatype is ClassConstructor<object> {
  return metatype !== undefined && ![String, Boolean, Number, Array, Object].includes(metatype as never);
}
