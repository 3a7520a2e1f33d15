import { BullModule } from '@nestjs/bullmq';
import { Global, Injectable, Module } from '@nestjs/common';
import { DatabaseConfig, ProcessConfig, QueueConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { WorkQueue } from './work-queue.js';
import { queuePoolOf } from './connections.js';
import { Fleet } from './fleet.js';
import { Lookout } from './lookout.js';
import { Processes } from './processes.js';
import { ProcessStore } from './process.store.js';
import { QueueBackend } from './queue-backend.js';
import { QueueHealth } from './queue-health.js';
import { WakeUps } from './wake-ups.js';

export const OPERATIONS_QUEUE = 'operations';
export const DELIVERIES_QUEUE = 'deliveries';
export const HOUSEKEEPING_QUEUE = 'housekeeping';
/** The configuration that every `@Processor` names, so that workers get connections that wait out an outage. */
export const WORKERS = 'workers';
/**
 * For every `@Processor`: they run once the whole application is up, and forgive a queue that stalls. Jobs are taken one after
 * the other, which is not how the work goes on that they name.
 */
export const WORKER_OPTIONS = {
  autorun: false,
  lockDuration: 30_000,
  maxStalledCount: 10,
  // BullMQ's pause after an outage, 15 s unless given, during which nothing would run.
  runRetryDelay: 250,
  // As in `WorkQueue`.
  skipVersionCheck: true,
} as const;

/** Hints to operations that are due. */
@Injectable()
export class OperationHints extends WorkQueue {
  constructor(backend: QueueBackend, wakeUps: WakeUps) {
    super(OPERATIONS_QUEUE, 'op', backend, wakeUps);
  }

  /** What one worker has no places for goes back to the queue, and meanwhile others begin what came after it. */
  protected override get hintsPerJob(): number {
    return Math.min(super.hintsPerJob, this.backend.fleet.leastPlaces);
  }
}

/** Hints to deliveries that are due. */
@Injectable()
export class DeliveryHints extends WorkQueue {
  constructor(backend: QueueBackend, wakeUps: WakeUps) {
    super(DELIVERIES_QUEUE, 'dlv', backend, wakeUps);
  }
}

/** Hints to housekeeping that is due. */
@Injectable()
export class HousekeepingHints extends WorkQueue {
  constructor(backend: QueueBackend, wakeUps: WakeUps) {
    super(HOUSEKEEPING_QUEUE, 'hk', backend, wakeUps);
  }
}

@Global()
@Module({
  providers: [
    Fleet,
    {
      provide: QueueBackend,
      inject: [QueueConfig, DatabaseConfig, ProcessConfig, Database, Fleet],
      useFactory: (
        queue: QueueConfig,
        database: DatabaseConfig,
        { roles }: ProcessConfig,
        rows: Database,
        fleet: Fleet,
      ) => {
        const poolSize = queuePoolOf(roles, database.poolSize);
        return QueueBackend.connect(queue, { ...database, poolSize }, rows, fleet);
      },
    },
  ],
  exports: [QueueBackend, Fleet],
})
class QueueBackendModule {}

/** BullMQ: the backend, the queues that producers write to and the connections of the workers. */
@Global()
@Module({
  imports: [
    QueueBackendModule,
    BullModule.forRootAsync(WORKERS, {
      inject: [QueueBackend],
      useFactory: (backend: QueueBackend) => ({ connection: backend.worker, prefix: backend.prefix }),
    }),
    // Registers no queue of its own: it brings in what finds the processors.
    BullModule.registerQueue(),
  ],
  providers: [
    OperationHints,
    DeliveryHints,
    HousekeepingHints,
    Lookout,
    WakeUps,
    ProcessStore,
    Processes,
    {
      provide: QueueHealth,
      inject: [QueueBackend, OperationHints, DeliveryHints, HousekeepingHints],
      useFactory: (backend: QueueBackend, ...queues: WorkQueue[]) => new QueueHealth(backend, queues),
    },
  ],
  exports: [
    OperationHints,
    DeliveryHints,
    HousekeepingHints,
    Lookout,
    WakeUps,
    ProcessStore,
    Processes,
    QueueHealth,
    QueueBackendModule,
  ],
})
export class EngineModule {}
