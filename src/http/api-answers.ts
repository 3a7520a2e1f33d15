import { applyDecorators, type Type } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiHeader,
  ApiOkResponse,
  ApiProperty,
  ApiResponse,
  getSchemaPath,
} from '@nestjs/swagger';
import { ProblemResponse } from './problem.response.js';

/** Documents a list: `{ data, next_cursor }`. The type of a `Page<T>` is gone when the document is made. */
export function ApiPage(row: Type): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(row),
    ApiOkResponse({
      schema: {
        type: 'object',
        required: ['data', 'next_cursor'],
        properties: {
          data: { type: 'array', items: { $ref: getSchemaPath(row) } },
          next_cursor: {
            type: 'string',
            nullable: true,
            description: '`cursor` of the next page; null on the last',
          },
        },
      },
    }),
  );
}

/** Documents an answer of stored bytes, whole or in part. */
export function ApiBytes(): MethodDecorator {
  const content = { '*/*': { schema: { type: 'string', format: 'binary' } } };
  return applyDecorators(
    ApiResponse({ status: 200, description: 'The bytes with their own content type', content }),
    ApiResponse({ status: 206, description: 'The range that was asked for', content }),
    ApiProblem(416, 'The range begins after the end'),
  );
}

/** Documents a route whose repeats are one request. */
export function ApiIdempotencyKey(): MethodDecorator {
  return ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'At most 255 characters; kept for 24 h',
  });
}

/** Documents an error of this route; those that any route may answer are documented by `openApi`. */
export function ApiProblem(status: number, description: string): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(ProblemResponse),
    ApiResponse({
      status,
      description,
      content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemResponse) } } },
    }),
  );
}

/** Documents a property of any JSON, null included. */
export function ApiJson(): PropertyDecorator {
  return ApiProperty({
    type: undefined as never,
    nullable: true,
    oneOf: ['object', 'string', 'number', 'boolean']
      .map((type): object => ({ type }))
      .concat({ type: 'array', items: {} }),
  });
}

/** Documents a JSON object whose names aren't fixed. */
export function ApiObject(): PropertyDecorator {
  return ApiProperty({ type: 'object', nullable: true, additionalProperties: true });
}
