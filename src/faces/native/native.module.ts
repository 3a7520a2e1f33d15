import { Module } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { BulkModule } from '../../bulk/bulk.module.js';
import { DeliveriesModule } from '../../deliveries/deliveries.module.js';
import { EndpointsModule } from '../../endpoints/endpoints.module.js';
import { EgressModule } from '../../egress/egress.module.js';
import { FilesModule } from '../../files/files.module.js';
import { RequestValidationPipe } from '../../http/validation.pipe.js';
import { OperationsModule } from '../../operations/operations.module.js';
import { SigningModule } from '../../signing/signing.module.js';
import { WorkModule } from '../../operations/work/work.module.js';
import { AccountsController } from './accounts.controller.js';
import { AuditController } from './audit.controller.js';
import { BatchController } from './batch.controller.js';
import { BulkController } from './bulk.controller.js';
import { CallbackCheckController } from './callback-check.controller.js';
import { CompletionTokenGuard } from './completion-token.guard.js';
import { CompletionsController } from './completions.controller.js';
import { DeliveriesController } from './deliveries.controller.js';
import { EndpointsController } from './endpoints.controller.js';
import { FeedController } from './feed.controller.js';
import { FilesController } from './files.controller.js';
import { FlowsController } from './flows.controller.js';
import { LedgerController } from './ledger.controller.js';
import { NativeOpenApi } from './native.openapi.js';
import { OperationTypesController } from './operation-types.controller.js';
import { OperationReadsController } from './operation-reads.controller.js';
import { OperationsController } from './operations.controller.js';
import { OwnAccountController } from './own-account.controller.js';
import { ProcessesController } from './processes.controller.js';
import { PullController } from './pull.controller.js';
import { RecoveriesController } from './recoveries.controller.js';
import { SchedulesModule } from '../../schedules/schedules.module.js';
import { SchedulesController } from './schedules.controller.js';
import { SearchController } from './search.controller.js';
import { SigningSecretController } from './signing-secret.controller.js';
import { StatsController } from './stats.controller.js';
import { WebhookKeysController } from './webhook-keys.controller.js';
import { WorkController } from './work.controller.js';

/** The native face: `/v1`. */
@Module({
  imports: [
    BulkModule,
    SchedulesModule,
    OperationsModule,
    WorkModule,
    DeliveriesModule,
    FilesModule,
    EndpointsModule,
    EgressModule,
    SigningModule,
  ],
  controllers: [
    BatchController,
    BulkController,
    OperationsController,
    OperationReadsController,
    CompletionsController,
    SearchController,
    OperationTypesController,
    DeliveriesController,
    FilesController,
    AccountsController,
    OwnAccountController,
    ProcessesController,
    AuditController,
    LedgerController,
    StatsController,
    FeedController,
    SigningSecretController,
    CallbackCheckController,
    EndpointsController,
    PullController,
    RecoveriesController,
    SchedulesController,
    FlowsController,
    WebhookKeysController,
    WorkController,
  ],
  providers: [NativeOpenApi, CompletionTokenGuard, { provide: APP_PIPE, useClass: RequestValidationPipe }],
})
export class NativeModule {}
