import {
  type ArgumentMetadata,
  createParamDecorator,
  type ExecutionContext,
  type PipeTransform,
} from '@nestjs/common';
import type { ClassConstructor } from 'class-transformer';
import { validated } from '../config/validation.js';
import { checkText } from './json-shape.js';
import { Problem } from './problem.js';

const judgedInParts = new Set<unknown>();

/** Of a body whose parts are each judged like a body of its own, one that is wrong doesn't stop the others. */
export function JudgedInParts(): ClassDecorator {
  return (type) => void judgedInParts.add(type);
}

/** Validates bodies (422) and queries (400); undeclared fields are refused, never dropped in silence. */
export class RequestValidationPipe implements PipeTransform {
  async transform(given: unknown, { type, metatype }: ArgumentMetadata): Promise<unknown> {
    if ((type !== 'body' && type !== 'query') || !isRequestClass(metatype)) return given;
    const { value, errors } = await validated(metatype, fieldsOf(given));
    if (errors.length === 0) {
      if (type === 'body' && !judgedInParts.has(metatype)) checkText(given);
      return value;
    }
    const detail = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw type === 'query'
      ? new Problem(400, 'invalid-query', detail, { errors })
      : new Problem(422, 'invalid-request', detail, { errors });
  }
}

/** Of a body: its fields are refused, as `refuseFields` does. For a route that takes none: `@NoFields() _: unknown`. */
export const NoFields = createParamDecorator((_: unknown, context: ExecutionContext): undefined =>
  refuseFields(context.switchToHttp().getRequest<{ body?: unknown }>().body),
);

/** For what takes no fields: one that would be ignored is refused, since its sender means something by it. */
export function refuseFields(body: unknown): undefined {
  const errors = Object.keys(fieldsOf(body ?? undefined)).map((path) => ({
    path,
    message: 'is not a field: nothing is taken here',
  }));
  if (errors.length > 0)
    throw new Problem(422, 'invalid-request', `${errors[0]!.path} ${errors[0]!.message}`, { errors });
}

/** No body is one without fields, so that the fields that are missing are named, where any are needed. */
function fieldsOf(body: unknown): object {
  if (body === undefined) return {};
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw new Problem(422, 'invalid-request', 'the body must be a JSON object', {
    errors: [{ path: 'body', message: 'must be a JSON object' }],
  });
}

function isRequestClass(metatype: ArgumentMetadata['metatype']): metatype is ClassConstructor<object> {
  return metatype !== undefined && ![String, Boolean, Number, Array, Object].includes(metatype as never);
}
