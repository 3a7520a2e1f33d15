import { Module } from '@nestjs/common';
import { EgressModule } from '../egress/egress.module.js';
import { FilesModule } from '../files/files.module.js';
import { AwaitingLoop } from './await/awaiting.loop.js';
import { ApartLoop } from './run/apart.loop.js';
import { OperationProcessor } from './run/operation.processor.js';
import { HandlerCalls } from './run/handler-calls.js';
import { OperationRunner } from './run/operation-runner.js';
import { RunLeases } from './run/run-leases.js';
import { RunSettler } from './run/run-settler.js';
import { JobEnder } from './poll/job-ender.js';
import { JobRequests } from './poll/job-requests.js';
import { PollLoop } from './poll/poll.loop.js';
import { StrangerOrigins } from './poll/stranger-origins.js';
import { StatsLoop } from './stats/stats.loop.js';
import { OperationsModule } from './operations.module.js';

/** Runs operations in this process. */
@Module({
  imports: [OperationsModule, EgressModule, FilesModule],
  providers: [
    RunLeases,
    HandlerCalls,
    RunSettler,
    OperationRunner,
    OperationProcessor,
    ApartLoop,
    JobEnder,
    JobRequests,
    StrangerOrigins,
    PollLoop,
    AwaitingLoop,
    StatsLoop,
  ],
})
export class OperationsWorkerModule {}
