import { type DynamicModule, Module } from '@nestjs/common';
import { type RingbackConfig, SLICES } from './config.js';

/** Gives every slice of the configuration to whoever names it in a constructor. */
@Module({})
export class ConfigModule {
  static forRoot(config: RingbackConfig): DynamicModule {
    const names = Object.keys(SLICES) as (keyof RingbackConfig)[];
    const providers = names.map((name) => ({ provide: SLICES[name], useValue: config[name] }));
    return {
      module: ConfigModule,
      global: true,
      providers,
      exports: providers.map(({ provide }) => provide),
    };
  }
}
