import type { FastifyRequest } from 'fastify';
import { AddToRoute } from './route-config.js';

/**
 * What a route takes in place of one JSON body of the usual size: an `upload` as a stream, a larger `batch`, also a `form`, or
 * what is small because nobody's key is checked before it is read: a `login`, or a `report` of the upstream's; or `raw` bytes of any
 * content type.
 */
export type BodyKind = 'upload' | 'batch' | 'form' | 'login' | 'report' | 'raw';

/** Says what kind of body a route takes. */
export const TakesBody = (takes: BodyKind): MethodDecorator => AddToRoute({ takes });

/** What the route that the router found takes. A URL can be spelled in many ways, so it is never judged by its text. */
export function bodyKindOf(request: FastifyRequest): BodyKind | undefined {
  return (request.routeOptions.config as { takes?: BodyKind } | undefined)?.takes;
}
