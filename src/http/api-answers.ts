import { applyDecorators, type Type } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiExtraModels,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiProperty,
  ApiResponse,
  ApiSchema,
  getSchemaPath,
} from '@nestjs/swagger';
import { ProblemResponse } from './problem.response.js';

const pages = new Map<Type, Type>();

/** Documents a list: `{ data, next_cursor }`. The type of a `Page<T>` is gone when the document is made. */
export function ApiPage(row: Type): MethodDecorator {
  return ApiOkResponse({ type: pageOf(row) });
}

/** Documents a list that can be had as server-sent events too. */
export function ApiPageOrStream(row: Type): MethodDecorator {
  const page = pageOf(row);
  return applyDecorators(
    ApiExtraModels(page),
    ApiOkResponse({
      description: 'A page; a stream of the same rows where `Accept` asks for one',
      content: {
        'application/json': { schema: { $ref: getSchemaPath(page) } },
        'text/event-stream': { schema: { type: 'string' } },
      },
    }),
    ApiHeader({
      name: 'Last-Event-ID',
      required: false,
      description: 'Of a stream: the id of the last entry that arrived; it goes on after that one',
    }),
    ApiNoContentResponse({ description: 'A stream that was resumed after its end: there is nothing more' }),
  );
}

/** Documents a stream of server-sent events, which ends with the connection alone. */
export function ApiStream(row: Type): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(row),
    ApiOkResponse({
      description: `Events, each with its \`id\` and the JSON of a \`${row.name.replace(/Response$/, '')}\``,
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    }),
    ApiHeader({
      name: 'Last-Event-ID',
      required: false,
      description: 'The id of the last event that arrived; it goes on after that one',
    }),
  );
}

/** The class that a page of these rows is, by the name of `OperationPage`, so that generated clients have one too. */
function pageOf(row: Type): Type {
  const known = pages.get(row);
  if (known) return known;
  class RowsPage {
    @ApiProperty({ type: [row] })
    data: unknown[];

    @ApiProperty({
      type: 'string',
      nullable: true,
      description: '`cursor` of the next page; null on the last',
    })
    next_cursor: string | null;
  }
  ApiSchema({ name: `${row.name.replace(/Response$/, '')}Page` })(RowsPage);
  pages.set(row, RowsPage);
  return RowsPage;
}

const BYTES = { type: 'string', format: 'binary' };

/** Documents an answer of stored bytes, whole or in part; or of any JSON where nothing is stored. */
export function ApiBytes({ orJson = false } = {}): MethodDecorator {
  // The first is what generated clients read; the other says that a file keeps its own content type.
  const content = { 'application/octet-stream': { schema: BYTES }, '*/*': { schema: BYTES } };
  return applyDecorators(
    ApiHeader({
      name: 'Range',
      required: false,
      description: 'One range of bytes, `bytes=0-1023` (RFC 9110, 14); the answer is then 206',
    }),
    ApiResponse({
      status: 200,
      description: 'The bytes with their own content type',
      content: { ...content, ...(orJson ? { 'application/json': { schema: {} } } : {}) },
    }),
    ApiResponse({ status: 206, description: 'The range that was asked for', content }),
    ApiProblem(416, 'The range begins after the end'),
  );
}

/** Documents an upload: the file of a multipart form. */
export function ApiUpload(): MethodDecorator {
  const schema = { type: 'object', required: ['file'], properties: { file: BYTES } };
  return applyDecorators(ApiConsumes('multipart/form-data'), ApiBody({ schema }));
}

/** Documents a body by examples, which the service takes as they are; the first is what "Try it out" offers. */
export function ApiExamples(
  type: Type,
  examples: Record<string, object>,
  { required = true } = {},
): MethodDecorator {
  return ApiBody({
    type,
    required,
    examples: Object.fromEntries(
      Object.entries(examples).map(([summary, value]) => [idOf(summary), { summary, value }]),
    ),
  });
}

/** `A callback with headers` → `a-callback-with-headers`. */
function idOf(summary: string): string {
  return summary.toLowerCase().replace(/[^a-z0-9]+/g, '-');
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
