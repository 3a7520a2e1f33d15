import { Module, type OnModuleInit } from '@nestjs/common';
import { FilesModule } from '../../files/files.module.js';
import { speakErrorsBelow } from '../../http/problem.js';
import { OperationsModule } from '../../operations/operations.module.js';
import { trmError } from './trm-error.response.js';
import { TrmAuthController } from './trm-auth.controller.js';
import { TrmGuard } from './trm.guard.js';
import { TrmMediaController } from './trm-media.controller.js';
import { TrmOperationsController } from './trm-operations.controller.js';
import { TrmOpenApi } from './trm.openapi.js';
import { TrmPaths } from './trm-paths.js';
import { TrmRequests } from './trm-requests.service.js';
import { TrmSubmits } from './trm-submits.service.js';

/** The trm face: `/api`, as Wordbee's asynchronous operations. */
@Module({
  imports: [OperationsModule, FilesModule],
  // The last one's wildcard takes what the others leave.
  controllers: [TrmAuthController, TrmMediaController, TrmOperationsController],
  providers: [TrmGuard, TrmPaths, TrmRequests, TrmSubmits, TrmOpenApi],
})
export class TrmModule implements OnModuleInit {
  onModuleInit(): void {
    speakErrorsBelow('/api/', trmError);
  }
}
