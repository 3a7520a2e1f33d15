import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasBody } from './listener.js';
import { noRoute } from './no-route.js';
import type { Admission, Admits } from './route-config.js';

/**
 * Looks at the credential before a body is read: what nobody with a key has sent costs no parsing. Nest's guards come after that,
 * and find whose request it is.
 */
export function admitFirst(app: NestFastifyApplication): void {
  const guards = new Map<Admission<unknown>['guard'], Admits<unknown>>();
  const made = (guard: Admission<unknown>['guard']): Admits<unknown> => {
    const known = guards.get(guard) ?? app.get<Admits<unknown>>(guard, { strict: false });
    guards.set(guard, known);
    return known;
  };
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('preParsing', async (request: FastifyRequest, reply: FastifyReply) => {
      if (request.is404 && hasBody(request.raw)) throw noRoute(request);
      const { admission } = request.routeOptions.config as { admission?: Admission<unknown> };
      if (admission) await made(admission.guard).admit(request, reply, admission.scope);
    });
}
