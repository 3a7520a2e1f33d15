import { Module } from '@nestjs/common';
import { SigningModule } from '../signing/signing.module.js';
import { PassedUpstream } from './passed-upstream.js';
import { UpstreamInputs } from './upstream-input.js';
import { UpstreamRequestHandler } from './upstream-request.js';

/** The operation type behind the gateway, where RINGBACK_UPSTREAM is set. */
@Module({
  imports: [SigningModule],
  providers: [UpstreamInputs, UpstreamRequestHandler, PassedUpstream],
  exports: [UpstreamInputs, PassedUpstream],
})
export class UpstreamModule {}
