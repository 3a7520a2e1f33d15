import { STATUS_CODES } from 'node:http';
import { getSchemaPath, type OpenAPIObject } from '@nestjs/swagger';
import { type Method, type Route, routesOf } from './openapi-routes.js';
import { ProblemResponse } from './problem.response.js';

/** What a route may answer, by the part of it that may be wrong. */
const PROBLEMS = {
  400: 'Malformed: the URL, the query or the body could not be read',
  401: 'The API key is missing, wrong, expired or revoked',
  403: 'The API key lacks the scope of this route',
  404: 'There is nothing of this id in the account',
  413: 'The body is too large',
  414: 'An id or a name in the path is over 255 characters',
  415: 'The content type is not understood here',
  422: 'Understood and refused; `errors` names the fields',
  503: 'PostgreSQL or the file storage cannot be reached; try again after Retry-After seconds',
  default: 'Any other fault, of the request (4xx) or ours (500)',
} as const;

type Problems = (keyof typeof PROBLEMS)[];
type Answer = NonNullable<NonNullable<OpenAPIObject['components']>['responses']>[string];

/** Adds the errors that follow from what a route takes, where a route doesn't speak of such a status itself. */
export function describeProblems(document: OpenAPIObject): void {
  for (const { route, method } of routesOf(document)) {
    for (const [status, response] of Object.entries(route.responses))
      if (response && 'description' in response) response.description ||= STATUS_CODES[status] ?? '';
    if ('default' in route.responses) continue;
    for (const status of problemsOf(route, method))
      route.responses[status] ??= { $ref: `#/components/responses/${nameOf(status)}` };
  }
  document.components ??= {};
  document.components.responses = {
    ...document.components.responses,
    ...Object.fromEntries(
      Object.entries(PROBLEMS).map(([status, description]) => [nameOf(status), problem(status, description)]),
    ),
  };
}

function problemsOf({ parameters = [], security }: Route, method: Method): Problems {
  const inPath = parameters.some((given) => 'in' in given && given.in === 'path');
  // Also where none is asked for: one that is sent is read.
  const takesBody = method !== 'get' && method !== 'delete';
  const guarded = (security ?? []).length > 0;
  return [
    400,
    ...(guarded ? ([401, 403] as const) : []),
    ...(inPath ? ([404, 414] as const) : []),
    ...(takesBody ? ([413, 415, 422] as const) : []),
    ...(guarded ? ([503] as const) : []),
    'default',
  ];
}

function nameOf(status: number | string): string {
  return status === 'default' ? 'Problem' : `Problem${status}`;
}

function problem(status: string, description: string): Answer {
  return {
    description,
    ...(status === '503' ? { headers: { 'Retry-After': retryAfter() } } : {}),
    content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemResponse) } } },
  };
}

/** The header of answers after which asking again makes sense. */
export function retryAfter() {
  return { description: 'Seconds until it makes sense to ask again', schema: { type: 'integer' } };
}
