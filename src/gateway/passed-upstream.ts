import { Injectable } from '@nestjs/common';
import { GatewayConfig } from '../config/config.js';
import { UpstreamClient } from './upstream-client.js';

/** The provider's API for what is passed through, on as many connections as there are callers. */
@Injectable()
export class PassedUpstream extends UpstreamClient {
  constructor({ upstream }: GatewayConfig) {
    super(upstream!, { maxSockets: Infinity });
  }
}
