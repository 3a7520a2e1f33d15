import { Module } from '@nestjs/common';
import { OperationsModule } from '../operations.module.js';
import { RemoteWorkers } from './remote-workers.js';
import { WorkClaims } from './work-claims.js';
import { WorkService } from './work.service.js';
import { WorkStore } from './work.store.js';

/** Gives operations to workers that ask over HTTP, in a process that they can ask. */
@Module({
  imports: [OperationsModule],
  providers: [RemoteWorkers, WorkClaims, WorkService, WorkStore],
  exports: [RemoteWorkers, WorkClaims, WorkService],
})
export class WorkModule {}
