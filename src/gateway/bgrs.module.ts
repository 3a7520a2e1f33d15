import { Module } from '@nestjs/common';
import { FilesModule } from '../files/files.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { BackgroundRequests } from './background-requests.js';
import { BgrsController } from './bgrs.controller.js';
import { GatewayCredentials } from './gateway-credentials.js';
import { GatewayServer } from './gateway.server.js';
import { PassThrough } from './pass-through.js';
import { UpstreamModule } from './upstream.module.js';

/** The bgrs face: the gateway in front of the provider's API, and the routes under `/bgrs`. */
@Module({
  imports: [OperationsModule, UpstreamModule, FilesModule],
  controllers: [BgrsController],
  providers: [GatewayServer, PassThrough, BackgroundRequests, GatewayCredentials],
})
export class BgrsModule {}
