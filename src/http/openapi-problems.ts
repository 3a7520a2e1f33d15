import { STATUS_CODES } from 'node:http';
import { getSchemaPath, type OpenAPIObject } from '@nestjs/swagger';
import { ProblemResponse } from './problem.response.js';

/** What any route may answer, by the part of it that may be wrong. */
const PROBLEMS = {
  400: 'Malformed: the URL, the query or the body could not be read',
  401: 'The API key is missing, wrong, expired or revoked',
  403: 'The API key lacks the scope of this route',
  404: 'There is nothing of this id in the account',
  413: 'The body is too large',
  415: 'The content type is not understood here',
  422: 'Understood and refused; `errors` names the fields',
  503: 'PostgreSQL or the file storage cannot be reached; try again after Retry-After seconds',
} as const;

type Route = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Answer = NonNullable<NonNullable<OpenAPIObject['components']>['responses']>[string];
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Adds the errors that follow from what a route takes, and a description where an answer has none. */
export function describeAnswers(document: OpenAPIObject): OpenAPIObject {
  for (const [url, path] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const route = path[method];
      if (!route) continue;
      for (const [status, response] of Object.entries(route.responses)) {
        if (response && 'description' in response) response.description ||= STATUS_CODES[status] ?? '';
      }
      // The trm face has errors of its own, which its controllers describe.
      for (const status of url.startsWith('/api/') ? [] : problemsOf(route))
        route.responses[status] ??= { $ref: `#/components/responses/Problem${status}` };
    }
  }
  document.components ??= {};
  document.components.responses = Object.fromEntries(
    Object.entries(PROBLEMS).map(([status, description]) => [`Problem${status}`, problem(description)]),
  );
  return document;
}

function problemsOf({ parameters = [], requestBody, security }: Route): (keyof typeof PROBLEMS)[] {
  const takes = (where: string): boolean => parameters.some((given) => 'in' in given && given.in === where);
  return [
    ...(takes('query') || requestBody ? ([400] as const) : []),
    ...(security ? ([401, 403] as const) : []),
    ...(takes('path') ? ([404] as const) : []),
    ...(requestBody ? ([413, 415, 422] as const) : []),
    ...(security ? ([503] as const) : []),
  ];
}

function problem(description: string): Answer {
  return {
    description,
    content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemResponse) } } },
  };
}
