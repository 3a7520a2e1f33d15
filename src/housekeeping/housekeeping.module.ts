import { Module } from '@nestjs/common';
import { FilesModule } from '../files/files.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { HousekeepingLoop } from './housekeeping.loop.js';
import { HousekeepingStore } from './housekeeping.store.js';

/** Deletes what has expired, in processes that are workers. */
@Module({ imports: [OperationsModule, FilesModule], providers: [HousekeepingStore, HousekeepingLoop] })
export class HousekeepingModule {}
