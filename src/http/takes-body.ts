import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';

/** What a route takes in place of one JSON body of the usual size: an `upload` as a stream, a larger `batch`, or also a `form`. */
export type BodyKind = 'upload' | 'batch' | 'form';

/** Says what kind of body a route takes. */
export const TakesBody = (takes: BodyKind): MethodDecorator => RouteConfig({ takes });

/** What the route that the router found takes. A URL can be spelled in many ways, so it is never judged by its text. */
export function bodyKindOf(request: FastifyRequest): BodyKind | undefined {
  return (request.routeOptions.config as { takes?: BodyKind } | undefined)?.takes;
}
