import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { TrmErrorResponse } from './trm-error.response.js';

const MEANINGS = {
  400: 'Any fault of the request, an unknown id or file included; the title says which',
  401: 'The token is missing, wrong or has ended',
  403: 'The API key lacks the scope of this route',
  413: 'The body is too large',
  416: 'The range begins after the end',
  429: 'The account has used up its allowance; try again after Retry-After seconds',
  503: 'PostgreSQL or the file storage cannot be reached; try again after Retry-After seconds',
} as const;

/** Documents errors of a route of the trm face, or of all routes of a controller. */
export function ApiTrmErrors(...statuses: (keyof typeof MEANINGS)[]): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ...statuses.map((status) =>
      ApiResponse({ status, description: MEANINGS[status], type: TrmErrorResponse }),
    ),
  );
}

/** Documents the errors of routes that `TrmGuard` stands before. */
export function ApiTrmGuarded(): MethodDecorator & ClassDecorator {
  return ApiTrmErrors(400, 401, 403, 429, 503);
}
