import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { EgressModule } from '../egress/egress.module.js';
import { FilesModule } from '../files/files.module.js';
import { SigningModule } from '../signing/signing.module.js';
import { AcceptStore } from './accept/accept.store.js';
import { AwaitingStore } from './await/awaiting.store.js';
import { CompletionEnder } from './await/completion-ender.js';
import { CompletionOffers } from './await/completion-offers.js';
import { Completions } from './await/completions.service.js';
import { CompletionStore } from './await/completion.store.js';
import { CancelMany } from './end/cancel-many.js';
import { CancelOne } from './end/cancel-one.js';
import { CallbackPresenters } from './end/callback-presenters.js';
import { FollowUps } from './end/follow-ups.js';
import { FlowStore } from './flow/flow.store.js';
import { Feed } from './feed/feed.js';
import { FeedStore } from './feed/feed.store.js';
import { HistoryStore } from './read/history.store.js';
import { LedgerStore } from './read/ledger.store.js';
import { DispatchStore } from './run/dispatch.store.js';
import { OperationDispatcher } from './run/operation.dispatcher.js';
import { OperationEnder } from './end/operation-ender.js';
import { OperationReads } from './read/operation-reads.store.js';
import { RescueStore } from './end/rescue.store.js';
import { OperationStore } from './operation.store.js';
import { OperationTypes } from './run/operation-types.js';
import { OperationWaits } from './read/operation-waits.js';
import { OriginCalls } from './run/origin-calls.store.js';
import { Jobs } from './poll/jobs.js';
import { PollStore } from './poll/poll.store.js';
import { PollTargets } from './poll/poll-targets.js';
import { PollPace } from './read/poll-pace.js';
import { OperationsService } from './operations.service.js';
import { QuotaStore } from './accept/quota.store.js';
import { Quotas } from './accept/quotas.js';
import { RetentionStore } from './retain/retention.store.js';
import { SealedInputs } from './accept/sealed-inputs.js';
import { SubmissionRows } from './accept/submission-rows.js';
import { Submissions } from './accept/submissions.service.js';
import { ExternalHandler } from './types/external.js';
import { HttpCalls } from './types/http-calls.js';
import { HttpJobs } from './types/http-jobs.js';
import { HttpRequestHandler } from './types/http-request.js';
import { EchoHandler, SleepHandler } from './types/trials.js';
import { Declarations } from './declared/declarations.service.js';
import { DeclaredTypeStore } from './declared/declared-type.store.js';
import { DeclaredTypes } from './declared/declared-types.js';
import { WorkOffers } from './work/work-offers.js';
import { StatsStore } from './stats/stats.store.js';
import { UnservedStore } from './read/unserved.store.js';

/** Operations: their rows, their types, their dispatcher, and what callers can do with them. */
@Module({
  imports: [DiscoveryModule, DeliveriesModule, EgressModule, FilesModule, SigningModule],
  providers: [
    AcceptStore,
    DispatchStore,
    OperationStore,
    RescueStore,
    AwaitingStore,
    CompletionStore,
    CompletionEnder,
    CompletionOffers,
    Completions,
    CancelMany,
    CancelOne,
    OperationReads,
    HistoryStore,
    RetentionStore,
    LedgerStore,
    StatsStore,
    FeedStore,
    Feed,
    FlowStore,
    UnservedStore,
    DeclaredTypeStore,
    DeclaredTypes,
    Declarations,
    WorkOffers,
    OperationTypes,
    CallbackPresenters,
    FollowUps,
    OperationEnder,
    OperationDispatcher,
    OperationWaits,
    PollPace,
    QuotaStore,
    Quotas,
    SealedInputs,
    SubmissionRows,
    OperationsService,
    Submissions,
    OriginCalls,
    PollStore,
    PollTargets,
    Jobs,
    HttpCalls,
    HttpJobs,
    HttpRequestHandler,
    ExternalHandler,
    EchoHandler,
    SleepHandler,
  ],
  exports: [
    AcceptStore,
    DispatchStore,
    OperationStore,
    PollStore,
    PollTargets,
    Jobs,
    RescueStore,
    AwaitingStore,
    CompletionEnder,
    CompletionOffers,
    Completions,
    CancelMany,
    CancelOne,
    OperationReads,
    HistoryStore,
    RetentionStore,
    LedgerStore,
    StatsStore,
    Feed,
    FlowStore,
    Declarations,
    WorkOffers,
    OperationTypes,
    CallbackPresenters,
    OperationEnder,
    OperationDispatcher,
    OperationWaits,
    PollPace,
    Quotas,
    SealedInputs,
    SubmissionRows,
    OperationsService,
    Submissions,
    OriginCalls,
    FollowUps,
  ],
})
export class OperationsModule {}
