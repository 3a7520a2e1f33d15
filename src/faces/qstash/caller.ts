import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { KeyHolder } from '../../accounts/account.store.js';
import { addressOf } from '../../http/client-address.js';
import { traceparentOf } from '../../tracing/spans.js';
import type { PublishedBy } from './publisher.js';

/** Who publishes by this request. */
export const Publishes = createParamDecorator((_: unknown, context: ExecutionContext): PublishedBy => {
  const request = context.switchToHttp().getRequest<FastifyRequest & { holder?: KeyHolder }>();
  const traceparent = traceparentOf(request.headers['traceparent']);
  return { accountId: request.holder!.accountId, ip: addressOf(request.ip), traceparent };
});

/** What follows a part of the request's target, byte for byte: a destination holds `//`, escapes and a query of its own. */
export function rawAfter({ originalUrl }: Pick<FastifyRequest, 'originalUrl'>, part: string): string {
  return originalUrl.slice(originalUrl.indexOf(part) + part.length);
}
