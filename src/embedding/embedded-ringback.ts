import {
  type INestApplicationContext,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { DiscoveryService, HttpAdapterHost, NestFactory, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { AppModule } from '../app.module.js';
import { closeInTime } from '../boot.js';
import type { RingbackConfig } from '../config/config.js';
import { createApp } from '../http/create-app.js';
import { findHandlers } from '../operations/run/operation-types.js';
import { GivenHandlersModule } from './given-handlers.module.js';
import { Mount } from './mount.js';

/** The options, read. */
export abstract class EmbeddingConfig {
  abstract readonly config: RingbackConfig;
  abstract readonly mount: string | null;
}

/**
 * Ringback as a Nest application of its own inside the host's process: whatever is global in one, a pipe, a filter, a
 * DataSource or a BullMQ connection, never reaches the other. Only the handlers, which are the host's providers, are
 * shared.
 */
@Injectable()
export class EmbeddedRingback implements OnApplicationBootstrap {
  private app: INestApplicationContext | undefined;
  private mounted: Mount | undefined;

  constructor(
    @Inject(EmbeddingConfig) private readonly options: EmbeddingConfig,
    private readonly discovery: DiscoveryService,
    private readonly reflector: Reflector,
    private readonly host: HttpAdapterHost,
  ) {}

  /** Starts when every provider of the host is initialised, since a handler may run from then on. */
  async onApplicationBootstrap(): Promise<void> {
    const { config, mount } = this.options;
    const handlers = GivenHandlersModule.of(findHandlers(this.discovery, this.reflector));
    const root = AppModule.forRoot(config, [handlers]);
    this.app =
      mount === null
        ? await NestFactory.createApplicationContext(root, { abortOnError: false })
        : await this.serving(await createApp(root, undefined), mount);
  }

  /** One of Ringback's own providers. */
  get<T>(type: abstract new (...given: never[]) => T): T {
    if (this.app) return this.app.get<T>(type, { strict: false });
    throw new Error(
      'Ringback is not running: use Operations from onApplicationBootstrap on, and not after the application has closed',
    );
  }

  /** Stops taking work and gives handlers their grace time, while the host's providers are still there. */
  async close(): Promise<void> {
    const { app } = this;
    if (!app) return;
    await closeInTime(app, this.options.config, new Logger('Ringback'));
    this.app = undefined;
    this.mounted?.close();
  }

  private async serving(app: NestFastifyApplication, path: string): Promise<NestFastifyApplication> {
    const inner: FastifyInstance = app.getHttpAdapter().getInstance();
    this.mounted = Mount.on(this.host, path, inner);
    await app.init();
    await inner.ready();
    return app;
  }
}
