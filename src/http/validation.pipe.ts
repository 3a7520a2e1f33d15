import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { fieldErrors, VALIDATION } from '../config/validation.js';
import { Problem } from './problem.js';

/** Validates bodies (422) and queries (400); undeclared fields are refused, never dropped in silence. */
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({ ...VALIDATION, transform: true, exceptionFactory: (errors) => refused(errors) });
  }

  override async transform(given: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const isBody = metadata.type === 'body' && isRequestClass(metadata.metatype);
    // No body is one without fields, so that the fields that are missing are named, where any are needed.
    const value = isBody && given === undefined ? {} : given;
    if (isBody && (typeof value !== 'object' || value === null || Array.isArray(value))) {
      throw new Problem(422, 'invalid-request', 'the body must be a JSON object', {
        errors: [{ path: 'body', message: 'must be a JSON object' }],
      });
    }
    try {
      return await (super.transform(value, metadata) as Promise<unknown>);
    } catch (error) {
      if (error instanceof Problem && metadata.type === 'query')
        throw new Problem(400, 'invalid-query', error.detail, error.extras);
      throw error;
    }
  }
}

function isRequestClass(metatype: ArgumentMetadata['metatype']): boolean {
  return metatype !== undefined && ![String, Boolean, Number, Array, Object].includes(metatype as never);
}

function refused(errors: ValidationError[]): Problem {
  const fields = fieldErrors(errors);
  return new Problem(
    422,
    'invalid-request',
    fields.map(({ path, message }) => `${path}: ${message}`).join('; '),
    { errors: fields },
  );
}
