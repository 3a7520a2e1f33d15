import type { Type } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Notes whose request it is, with what that tells the caller in the answer's headers; or fails with a Problem. */
export interface Admits<Scope> {
  admit(request: FastifyRequest, reply: FastifyReply, scope: Scope): Promise<void>;
}

/** What a route needs of a request's credential: in its config, where it is known before a body is read. */
export interface Admission<Scope> {
  readonly guard: Type<Admits<Scope>>;
  readonly scope: Scope;
}

/** What Fastify knows of each handler's route; several decorators may add to it. */
const configs = new WeakMap<object, object>();

/** Adds to what `request.routeOptions.config` holds of a route, or of every route of a controller. */
export function AddToRoute(config: object): MethodDecorator & ClassDecorator {
  const add = (descriptor: PropertyDescriptor): void => {
    const handler = descriptor.value as object;
    const all = { ...configs.get(handler), ...config };
    configs.set(handler, all);
    RouteConfig(all)({}, '', descriptor);
  };
  return (target: object, _name?: string | symbol, one?: PropertyDescriptor) => {
    if (one) return add(one);
    const methods = Object.getOwnPropertyDescriptors((target as { prototype: object }).prototype);
    for (const [name, descriptor] of Object.entries(methods))
      if (name !== 'constructor' && typeof descriptor.value === 'function') add(descriptor);
  };
}
