import { type DynamicModule, Module } from '@nestjs/common';
import {
  AccountConfig,
  DatabaseConfig,
  DeliveryConfig,
  EgressConfig,
  FilesConfig,
  HousekeepingConfig,
  HttpConfig,
  OperationConfig,
  ProcessConfig,
  QueueConfig,
  type RingbackConfig,
  SecretConfig,
  TrmConfig,
} from './config.js';

/** Gives every slice of the configuration to whoever names it in a constructor. */
@Module({})
export class ConfigModule {
  static forRoot(config: RingbackConfig): DynamicModule {
    const providers = [
      { provide: HttpConfig, useValue: config.http },
      { provide: DatabaseConfig, useValue: config.database },
      { provide: QueueConfig, useValue: config.queue },
      { provide: ProcessConfig, useValue: config.process },
      { provide: OperationConfig, useValue: config.operations },
      { provide: DeliveryConfig, useValue: config.deliveries },
      { provide: EgressConfig, useValue: config.egress },
      { provide: SecretConfig, useValue: config.secrets },
      { provide: AccountConfig, useValue: config.accounts },
      { provide: FilesConfig, useValue: config.files },
      { provide: TrmConfig, useValue: config.trm },
      { provide: HousekeepingConfig, useValue: config.housekeeping },
    ];
    return {
      module: ConfigModule,
      global: true,
      providers,
      exports: providers.map(({ provide }) => provide),
    };
  }
}
