import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { AccountsModule } from './accounts/accounts.module.js';
import { BulkModule } from './bulk/bulk.module.js';
import type { RingbackConfig } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { ConsoleModule } from './console/console.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DeliveriesModule } from './deliveries/deliveries.module.js';
import { DeliveriesWorkerModule } from './deliveries/deliveries.worker.module.js';
import { EndpointsModule } from './endpoints/endpoints.module.js';
import { LroModule } from './faces/lro/lro.module.js';
import { NativeModule } from './faces/native/native.module.js';
import { NativePresenterModule } from './faces/native/native.presenter.module.js';
import { ProblemModule } from './faces/problem.module.js';
import { QstashModule } from './faces/qstash/qstash.module.js';
import { TrmModule } from './faces/trm/trm.module.js';
import { TrmPresenterModule } from './faces/trm/trm.presenter.module.js';
import { BgrsModule } from './gateway/bgrs.module.js';
import { BgrsPresenterModule } from './gateway/bgrs.presenter.module.js';
import { UpstreamModule } from './gateway/upstream.module.js';
import { HealthModule } from './health/health.module.js';
import { HousekeepingWorkerModule } from './housekeeping/housekeeping.worker.module.js';
import { MessagesModule } from './messages/messages.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { OperationsWorkerModule } from './operations/operations.worker.module.js';
import { EngineModule } from './engine/engine.module.js';
import { SchedulesModule } from './schedules/schedules.module.js';
import { SchedulesWorkerModule } from './schedules/schedules.worker.module.js';

/** The only list of all modules: a process's roles choose among them. */
@Module({})
export class AppModule {
  /** `handlers` are Nest modules that bring operation handlers. */
  static forRoot(config: RingbackConfig, handlers: readonly (Type | DynamicModule)[] = []): DynamicModule {
    const { roles } = config.process;
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        DatabaseModule,
        EngineModule,
        AccountsModule,
        OperationsModule,
        DeliveriesModule,
        EndpointsModule,
        BulkModule,
        SchedulesModule,
        MessagesModule,
        NativePresenterModule,
        TrmPresenterModule,
        BgrsPresenterModule,
        HealthModule,
        ProblemModule,
        MetricsModule,
        ...handlers,
        ...(roles.has('api') ? [NativeModule, LroModule, TrmModule, QstashModule] : []),
        ...(roles.has('api') && config.console.isOn ? [ConsoleModule.with(config.console)] : []),
        ...(config.gateway.upstream === undefined ? [] : [UpstreamModule]),
        ...(roles.has('gateway') && config.gateway.upstream !== undefined ? [BgrsModule] : []),
        ...(roles.has('worker')
          ? [OperationsWorkerModule, DeliveriesWorkerModule, HousekeepingWorkerModule, SchedulesWorkerModule]
          : []),
      ],
    };
  }
}
