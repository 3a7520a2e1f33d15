import {
  type DynamicModule,
  type FactoryProvider,
  Module,
  type ModuleMetadata,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DiscoveryModule, ModulesContainer } from '@nestjs/core';
import { SettingError } from '../config/settings.js';
import { EmbeddedRingback, EmbeddingConfig } from './embedded-ringback.js';
import { Operations } from './operations.js';
import { readOptions, type RingbackOptions } from './options.js';

/** Options that are known only when the host runs. */
export interface RingbackAsyncOptions {
  readonly imports?: ModuleMetadata['imports'];
  readonly inject?: FactoryProvider['inject'];
  /** Gets what `inject` names, so its parameters are whatever the host injects: `unknown[]` would refuse typed ones. */
  readonly useFactory: (...given: any[]) => RingbackOptions | Promise<RingbackOptions>;
}

/**
 * Embeds Ringback in a NestJS application. Providers marked with `@OperationType` run operations, wherever in the
 * application they are; `Operations` can be injected everywhere. Import it once, in the root module, and call
 * `app.enableShutdownHooks()`, so that running operations end well.
 */
@Module({})
export class RingbackModule implements OnModuleDestroy {
  constructor(
    private readonly ringback: EmbeddedRingback,
    modules: ModulesContainer,
  ) {
    const [module, another] = [...modules.values()].filter(({ metatype }) => metatype === RingbackModule);
    if (another)
      throw new SettingError('RingbackModule is imported twice: import it once, in the root module');
    // Nest destroys by distance from the root, and in no order of ours at the same distance: before all the others.
    module!.distance = -1;
  }

  /** Refuses wrong options at once, with a `SettingError` that lists them. */
  static forRoot(options: RingbackOptions): DynamicModule {
    return embed([], { provide: EmbeddingConfig, useValue: readOptions(options) });
  }

  static forRootAsync({ imports = [], inject = [], useFactory }: RingbackAsyncOptions): DynamicModule {
    return embed(imports, {
      provide: EmbeddingConfig,
      inject,
      useFactory: async (...given: unknown[]) => readOptions(await useFactory(...given)),
    });
  }

  /** Ends while everything that handlers use is still alive. */
  onModuleDestroy(): Promise<void> {
    return this.ringback.close();
  }
}

/** Global, so that it starts before other providers' `onApplicationBootstrap`, and `Operations` is everywhere. */
@Module({})
class EmbeddingModule {}

function embed(
  imports: NonNullable<ModuleMetadata['imports']>,
  options: NonNullable<ModuleMetadata['providers']>[number],
): DynamicModule {
  const embedding: DynamicModule = {
    module: EmbeddingModule,
    global: true,
    imports: [DiscoveryModule, ...imports],
    providers: [options, EmbeddedRingback, Operations],
    exports: [EmbeddedRingback, Operations],
  };
  return { module: RingbackModule, imports: [embedding] };
}
