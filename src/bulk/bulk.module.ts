import { Module } from '@nestjs/common';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { BulkHandler } from './bulk.handler.js';
import { BulkSteps } from './bulk-steps.js';
import { BulkStore } from './bulk.store.js';
import { BulksService } from './bulks.service.js';
import { Reruns } from './reruns.js';

/** Actions on all operations or deliveries that a filter means. */
@Module({
  imports: [OperationsModule, DeliveriesModule],
  providers: [BulkStore, Reruns, BulkSteps, BulkHandler, BulksService],
  exports: [BulksService],
})
export class BulkModule {}
