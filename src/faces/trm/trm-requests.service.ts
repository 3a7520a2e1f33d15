import { Injectable } from '@nestjs/common';
import type { ClassConstructor } from 'class-transformer';
import { TrmConfig } from '../../config/config.js';
import { validated, withoutFields } from '../../config/validation.js';
import { checkText } from '../../http/json-shape.js';
import { Problem } from '../../http/problem.js';
import { OperationTypes, type RegisteredType } from '../../operations/run/operation-types.js';

/** What this face's clients send: fields that nobody knows are ignored, unless RINGBACK_TRM_STRICT refuses them. */
@Injectable()
export class TrmRequests {
  constructor(
    private readonly types: OperationTypes,
    private readonly config: TrmConfig,
  ) {}

  /** A body or a query as its class, or a 400 that names each field that is wrong. */
  async read<T extends object>(type: ClassConstructor<T>, given: unknown): Promise<T> {
    const fields = fieldsOf(given);
    let { value, errors, unknown } = await validated(type, fields);
    if (unknown.length > 0 && !this.config.strict)
      ({ value, errors } = await validated(type, withoutFields(fields, unknown)));
    if (errors.length === 0) return value;
    throw new Problem(
      400,
      'invalid-request',
      errors.map(({ path, message }) => `${path}: ${message}`).join('; '),
    );
  }

  /** What the operation type gets of an input. */
  input(type: RegisteredType, given: Record<string, unknown>): Promise<Record<string, unknown>> {
    return this.config.strict ? Promise.resolve(given) : this.types.known(type, given);
  }
}

/** The members of a JSON object; of no body none. */
export function fieldsOf(body: unknown): Record<string, unknown> {
  const given = body ?? {};
  if (typeof given !== 'object' || Array.isArray(given))
    throw new Problem(400, 'invalid-request', 'the body must be a JSON object');
  checkText(given);
  return given as Record<string, unknown>;
}
