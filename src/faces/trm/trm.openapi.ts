import { Injectable } from '@nestjs/common';
import { getSchemaPath, type OpenAPIObject } from '@nestjs/swagger';
import { OpenApiPart } from '../../http/openapi-part.js';
import { retryAfter } from '../../http/openapi-problems.js';
import { type Route, routesOf } from '../../http/openapi-routes.js';
import { OperationTypes, type RegisteredType } from '../../operations/run/operation-types.js';
import { callbackRoute, type Content } from '../callback-route.js';
import { schemaOfType } from '../input-schema.js';
import { TrmEnvelope } from './trm-envelope.response.js';
import { TrmErrorResponse } from './trm-error.response.js';
import { TrmGuard } from './trm.guard.js';
import { MAX_INLINE_MS } from './trm-operations.controller.js';
import { TrmSubmitRequest } from './trm.request.js';

const PROBLEMS = {
  400: 'Anything wrong with the request that has no status below',
  401: 'The credentials are missing, wrong or have ended',
  403: 'The API key lacks the scope of this route',
  413: 'The body is too large',
  416: 'The range begins after the end',
  429: 'The allowance of the account is spent: Retry-After seconds until there is more',
  503: 'PostgreSQL or the file storage cannot be reached; try again after Retry-After seconds',
  default: 'Any other fault: 408, 431, or ours (500)',
};

/** A route of the trm face for every operation type that has a path, and the face's own errors. */
@Injectable()
export class TrmOpenApi extends OpenApiPart {
  override readonly models = [TrmEnvelope, TrmErrorResponse, TrmSubmitRequest];

  constructor(private readonly types: OperationTypes) {
    super();
  }

  override get version(): number {
    return this.types.version;
  }

  override fresh(): Promise<void> {
    return this.types.fresh();
  }

  describe(document: OpenAPIObject): void {
    document.components!.securitySchemes = {
      ...document.components!.securitySchemes,
      trm_token: header('X-Auth-Token', 'A token, as `POST /api/auth/token` gives it'),
      trm_account: header('X-Auth-AccountId', "The id or the name of the token's account"),
    };
    const { properties } = document.components!.schemas![TrmSubmitRequest.name] as {
      properties: Record<string, object>;
    };
    for (const type of this.types.listed())
      if (type.path !== null)
        document.paths[`/api/${type.path}`] = { post: submitRoute(type, type.path, properties) };
    for (const { path, route } of routesOf(document)) if (path.startsWith('/api/')) describeErrors(route);
  }
}

function header(name: string, description: string) {
  return { type: 'apiKey' as const, in: 'header', name, description };
}

function describeErrors(route: Route): void {
  const ofKeys = (route.security ?? []).some((credentials) => 'bearer' in credentials);
  for (const [status, description] of Object.entries(PROBLEMS)) {
    // Those that a guard gives; what asks for a token is free.
    if ((status === '403' || status === '429') && !ofKeys) continue;
    if (status === '416' && !route.responses[status]) continue;
    route.responses[status] = {
      description,
      ...(status === '429' || status === '503' ? { headers: { 'Retry-After': retryAfter() } } : {}),
      content: { 'application/json': { schema: { $ref: getSchemaPath(TrmErrorResponse) } } },
    };
  }
}

/** The route of a type; `own` are the fields that every submit takes besides the input. */
function submitRoute(type: RegisteredType, path: string, own: Record<string, object>): Route {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const operationId = `submitTrm${pascal(type.name)}`;
  const content = { 'application/json': { schema: { $ref: getSchemaPath(TrmEnvelope) } } };
  return {
    operationId,
    tags: ['trm'],
    summary: type.title,
    description: `Submits an operation of the type \`${type.name}\`. Input that the type refuses is an operation that Failed, with \`requestid\` 0.`,
    security: [{ bearer: ['operations:write'] }, ...TrmGuard.alsoTakes],
    parameters: [
      ...inPath.map((name) => ({ name, in: 'path' as const, required: true, schema: { type: 'string' } })),
      ...BESIDES,
    ],
    requestBody: { required: true, content: { 'application/json': submitBody(type, inPath, own) } },
    responses: { 200: { description: 'The operation as it stands', content } },
    callbacks: { ended: ended(operationId, content) },
  };
}

/** What every submit takes besides path and body. */
const BESIDES = [
  {
    name: 'callbackurl',
    in: 'query' as const,
    required: false,
    schema: { type: 'string' },
    description: 'Where the end is told',
  },
  {
    name: 'inlinems',
    in: 'query' as const,
    required: false,
    schema: { type: 'integer', minimum: 0, maximum: MAX_INLINE_MS },
    description: 'Milliseconds to wait for the end; the type says how many by default',
  },
  {
    name: 'Idempotency-Key',
    in: 'header' as const,
    required: false,
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    description: 'Where it has come before, the first operation is answered; kept for 24 h',
  },
];

/** The fields of the type's input, less those that the path gives, with those of every submit. */
function submitBody(type: RegisteredType, inPath: string[], own: Record<string, object>) {
  const { properties = {}, required = [] } = describable(type);
  const given = Object.fromEntries(Object.entries(properties).filter(([name]) => !inPath.includes(name)));
  const needed = required.filter((name) => !inPath.includes(name));
  return {
    schema: {
      type: 'object',
      properties: { ...given, ...own },
      ...(needed.length > 0 ? { required: needed } : {}),
    },
    // Without one, the page would offer a callback to nowhere.
    example: sampleOf({ type: 'object', properties: given, required: needed }),
  };
}

/** The schema of the input, where it can be taken apart: what refers to parts of itself, would refer to parts of the document here. */
function describable(type: RegisteredType): InputSchema {
  const schema = schemaOfType(type);
  return /"\$(dynamicRef|ref|id)":/.test(JSON.stringify(schema)) ? {} : schema;
}

interface InputSchema {
  type?: string;
  enum?: unknown[];
  minimum?: number;
  minItems?: number;
  items?: InputSchema;
  properties?: Record<string, InputSchema>;
  required?: string[];
}

/** Something of the schema's type. Only the operation type can say what is right. */
function sampleOf({ type, minimum, minItems, items, properties, required, ...rest }: InputSchema): unknown {
  if (rest.enum) return rest.enum[0];
  switch (type) {
    case 'integer':
    case 'number':
      return minimum ?? 0;
    case 'boolean':
      return false;
    case 'array':
      return Array.from({ length: minItems ?? 0 }, () => sampleOf(items ?? {}));
    case 'object':
      return Object.fromEntries((required ?? []).map((name) => [name, sampleOf(properties?.[name] ?? {})]));
    default:
      return 'string';
  }
}

function ended(operationId: string, content: Content): Record<string, { post: Route }> {
  const told = (suffix: string): { post: Route } => ({
    post: callbackRoute({
      operationId: `${operationId}Ended${suffix}`,
      summary: 'The operation has ended: the same envelope as `GET /api/trm/status`',
      content,
    }),
  });
  return {
    '{$request.body#/callback/url}': told(''),
    '{$request.body#/callbackurl}': told('InBody'),
    '{$request.query.callbackurl}': told('InQuery'),
  };
}

/** `segments.export` → `SegmentsExport`. */
function pascal(name: string): string {
  return name.replace(/(?:^|[._-])([a-z0-9])/g, (_, first: string) => first.toUpperCase());
}
