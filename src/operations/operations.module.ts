import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { EgressModule } from '../egress/egress.module.js';
import { FilesModule } from '../files/files.module.js';
import { SigningModule } from '../signing/signing.module.js';
import { CallbackPresenters } from './callback-presenters.js';
import { HistoryStore } from './history.store.js';
import { LedgerStore } from './ledger.store.js';
import { OperationDispatcher } from './operation.dispatcher.js';
import { OperationEnder } from './operation-ender.js';
import { OperationReads } from './operation-reads.store.js';
import { OperationStore } from './operation.store.js';
import { OperationTypes } from './operation-types.js';
import { OperationWaits } from './operation-waits.js';
import { OriginCalls } from './origin-calls.store.js';
import { PollPace } from './poll-pace.js';
import { OperationsService } from './operations.service.js';
import { QuotaStore } from './quota.store.js';
import { Quotas } from './quotas.js';
import { RetentionStore } from './retention.store.js';
import { SealedInputs } from './sealed-inputs.js';
import { HttpRequestHandler } from './types/http-request.js';
import { EchoHandler, SleepHandler } from './types/trials.js';
import { UnservedStore } from './unserved.store.js';

/** Operations: their rows, their types, their dispatcher, and what callers can do with them. */
@Module({
  imports: [DiscoveryModule, DeliveriesModule, EgressModule, FilesModule, SigningModule],
  providers: [
    OperationStore,
    OperationReads,
    HistoryStore,
    RetentionStore,
    LedgerStore,
    UnservedStore,
    OperationTypes,
    CallbackPresenters,
    OperationEnder,
    OperationDispatcher,
    OperationWaits,
    PollPace,
    QuotaStore,
    Quotas,
    SealedInputs,
    OperationsService,
    OriginCalls,
    HttpRequestHandler,
    EchoHandler,
    SleepHandler,
  ],
  exports: [
    OperationStore,
    OperationReads,
    HistoryStore,
    RetentionStore,
    LedgerStore,
    OperationTypes,
    CallbackPresenters,
    OperationEnder,
    OperationDispatcher,
    OperationWaits,
    PollPace,
    Quotas,
    SealedInputs,
    OperationsService,
  ],
})
export class OperationsModule {}
