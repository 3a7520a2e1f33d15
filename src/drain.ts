import { setTimeout as delay } from 'node:timers/promises';
import type { LoggerService } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RingbackConfig } from './config/config.js';
import { GatewayServer } from './gateway/gateway.server.js';
import { HealthService } from './health/health.service.js';
import { closeAfterAnswers } from './http/hanging-up.js';

/**
 * Turns readiness red and serves on for RINGBACK_DRAIN_S, so that balancers send elsewhere before anything is refused. Work goes on
 * meanwhile: nobody has to wait for a place elsewhere. Who serves nobody has nothing to wait for.
 */
export async function drain(
  app: NestFastifyApplication,
  { process: { drainS, roles }, gateway: { upstream } }: RingbackConfig,
  { cut, logger }: { cut: AbortSignal; logger: LoggerService },
): Promise<void> {
  app.get(HealthService, { strict: false }).leave();
  closeAfterAnswers(app.getHttpServer());
  const hasGateway = roles.has('gateway') && upstream !== undefined;
  if (hasGateway) app.get(GatewayServer, { strict: false }).leave();
  if (drainS === 0 || cut.aborted || !(roles.has('api') || hasGateway)) return;
  logger.log(`serving on for ${drainS} s, with readiness red`, 'Shutdown');
  await delay(drainS * 1000, undefined, { signal: cut }).catch(() => undefined);
}
