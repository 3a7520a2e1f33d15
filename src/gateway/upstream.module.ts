import { Module } from '@nestjs/common';
import { OperationsModule } from '../operations/operations.module.js';
import { SigningModule } from '../signing/signing.module.js';
import { PassedUpstream } from './passed-upstream.js';
import { UpstreamInputs } from './upstream-input.js';
import { BackgroundUpstream, UpstreamJobs } from './upstream-jobs.js';
import { UpstreamRequestHandler } from './upstream-request.js';

/** What the gateway was asked for, sealed and opened: any process that ends operations must be able to. */
@Module({ imports: [SigningModule], providers: [UpstreamInputs], exports: [UpstreamInputs] })
export class UpstreamInputsModule {}

/** The operation type behind the gateway, where RINGBACK_UPSTREAM is set. */
@Module({
  imports: [UpstreamInputsModule, OperationsModule],
  providers: [UpstreamRequestHandler, UpstreamJobs, BackgroundUpstream, PassedUpstream],
  exports: [UpstreamInputsModule, PassedUpstream],
})
export class UpstreamModule {}
