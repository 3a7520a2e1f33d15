import { Module } from '@nestjs/common';
import { FilesModule } from '../files/files.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { SigningModule } from '../signing/signing.module.js';
import { DepartedAccounts } from './departed-accounts.store.js';
import { Housekeeping } from './housekeeping.js';
import { HousekeepingDispatcher } from './housekeeping.dispatcher.js';
import { HousekeepingProcessor } from './housekeeping.processor.js';
import { HousekeepingStore } from './housekeeping.store.js';
import { PartitionStore } from './partition.store.js';
import { Resealing } from './resealing.js';

/** Deletes what has expired, in processes that are workers. */
@Module({
  imports: [OperationsModule, FilesModule, SigningModule],
  providers: [
    HousekeepingStore,
    PartitionStore,
    DepartedAccounts,
    Resealing,
    HousekeepingDispatcher,
    Housekeeping,
    HousekeepingProcessor,
  ],
})
export class HousekeepingWorkerModule {}
