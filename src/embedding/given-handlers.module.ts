import { type DynamicModule, Module } from '@nestjs/common';
import { type FoundHandler, GivenHandlers } from '../operations/run/operation-types.js';

/** Hands a host's handlers over in a wrapper, so that their lifecycle hooks stay the host's to call. */
@Module({})
export class GivenHandlersModule {
  static of(handlers: readonly FoundHandler[]): DynamicModule {
    return {
      module: GivenHandlersModule,
      global: true,
      providers: [{ provide: GivenHandlers, useValue: new GivenHandlers(handlers) }],
      exports: [GivenHandlers],
    };
  }
}
