import { Module } from '@nestjs/common';
import { FilesModule } from '../files/files.module.js';
import { AwaitingLoop } from './await/awaiting.loop.js';
import { ApartLoop } from './run/apart.loop.js';
import { OperationProcessor } from './run/operation.processor.js';
import { OperationRunner } from './run/operation-runner.js';
import { StatsLoop } from './stats/stats.loop.js';
import { OperationsModule } from './operations.module.js';

/** Runs operations in this process. */
@Module({
  imports: [OperationsModule, FilesModule],
  providers: [OperationRunner, OperationProcessor, ApartLoop, AwaitingLoop, StatsLoop],
})
export class OperationsWorkerModule {}
