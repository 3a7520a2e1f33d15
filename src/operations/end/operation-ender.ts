import { Injectable, Logger } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { DeliveryDispatcher } from '../../deliveries/delivery.dispatcher.js';
import { FirstAttempts } from '../../deliveries/first-attempts.js';
import { firstClaim, type OwnCallback } from '../../deliveries/owed.js';
import { type Bodies, CallbackPresenters } from './callback-presenters.js';
import type { OperationEntity } from '../operation.entity.js';
import { FollowUps } from './follow-ups.js';
import { OPERATION_ENDED, type OperationEnded } from './operation-ended.js';
import { ENDED_TEXT, EVENT_OF } from '../operation.state.js';
import { OperationStore } from '../operation.store.js';
import type { Claim } from '../run/claim.js';
import { OperationWaits } from '../read/operation-waits.js';
import { PollPace } from '../read/poll-pace.js';
import { randomId } from '../../database/random-id.js';

/** How an operation ends. JSON texts are as the handler gave them. */
export type How =
  | {
      readonly state: 'Finished';
      readonly statusText: string;
      readonly result: string | null;
      readonly custom: string | null;
      readonly fileId: string | null;
    }
  | {
      readonly state: 'Failed';
      readonly code: string;
      readonly message: string;
      readonly stack?: string | null;
      /** What it failed with, as another API told it. */
      readonly fileId?: string | null;
      /** The same as JSON text, for the face that it came by. */
      readonly result?: string | null;
    }
  | { readonly state: 'Canceled'; readonly message: string };

/** The end that a caller asked for. */
export const CANCELED = { state: 'Canceled', message: 'Canceled by the caller' } as const satisfies How;

/** Ends operations: the one place where a terminal state, its history and what it owes are put together. */
@Injectable()
export class OperationEnder {
  private readonly logger = new Logger('Operations');

  constructor(
    private readonly store: OperationStore,
    private readonly presenters: CallbackPresenters,
    private readonly followUps: FollowUps,
    private readonly deliveries: DeliveryDispatcher,
    private readonly firstAttempts: FirstAttempts,
    private readonly waits: OperationWaits,
    private readonly pace: PollPace,
    private readonly config: OperationConfig,
  ) {}

  /** Ends the operation and answers it as it stands then; null when the lease was lost, which ends nothing. */
  async end(claim: Claim, how: How, finishedAt: Date): Promise<OperationEntity | null> {
    const operation = this.ended(claim.operation, how, finishedAt);
    const eventType = EVENT_OF[how.state];
    const event = this.presenters.event(operation, eventType);
    const callback = this.callback(operation, eventType, event);
    const followUps = this.followUps.of(operation);
    // Last: whatever failed before it would keep its place.
    const start = callback && this.firstAttempts.reserve();
    const settling = this.store.settle({
      operation,
      leaseToken: claim.leaseToken,
      state: how.state,
      statusText: operation.statusText,
      progress: operation.progress,
      result: operation.result,
      custom: operation.custom,
      errorCode: operation.errorCode,
      errorMessage: operation.errorMessage,
      fileId: operation.fileId,
      finishedAt,
      expiresAt: operation.expiresAt!,
      stack: how.state === 'Failed' ? (how.stack ?? null) : null,
      callback,
      start,
      event: {
        eventType,
        body: event.whole,
        thin: event.thin ?? null,
        bare: event.bare ?? null,
        thinOver: this.config.thinOver,
      },
      followUps,
    });
    const settled = await settling.catch((error: unknown) => {
      start?.abandon(operation.requestId);
      throw error;
    });
    if (settled?.started)
      start!.begin(firstClaim(operation, eventType, callback!, start!.token, settled.started));
    else start?.cancel();
    if (!settled) return null;
    if (settled.owes) this.deliveries.wake();
    this.pace.learn(operation);
    this.waits.ended(operation.requestId);
    // Another process may still run it, and needn't wait for its next renewal to learn it.
    if (operation.state === 'Canceled') this.waits.canceling(operation.requestId);
    const durationMs = finishedAt.getTime() - (operation.startedAt ?? operation.createdAt).getTime();
    if (OPERATION_ENDED.hasSubscribers) {
      const { type, state } = operation;
      OPERATION_ENDED.publish({ type, state, durationS: durationMs / 1000 } satisfies OperationEnded);
    }
    this.logger.log({
      msg: 'operation ended',
      operation: operation.rid,
      request_id: operation.requestId,
      type: operation.type,
      state: operation.state,
      attempt: operation.attempt,
      tries: operation.tries,
      duration_ms: durationMs,
      ...(operation.errorCode === null ? {} : { error: operation.errorCode }),
      ...(operation.traceparent === null ? {} : { trace_id: operation.traceparent.slice(3, 35) }),
    });
    return operation;
  }

  private ended(operation: OperationEntity, how: How, finishedAt: Date): OperationEntity {
    const keptS = this.config.retention.get(operation.retention) ?? this.config.retention.get('keep1m')!;
    const ended: OperationEntity = {
      ...operation,
      state: how.state,
      phase: null,
      dueAt: null,
      leaseToken: null,
      finishedAt,
      expiresAt: new Date(finishedAt.getTime() + keptS * 1000),
    };
    switch (how.state) {
      case 'Finished':
        return Object.assign(ended, {
          statusText: how.statusText,
          progress: 100,
          result: how.result,
          custom: how.custom,
          fileId: how.fileId,
        });
      case 'Failed':
        return Object.assign(ended, {
          statusText: ENDED_TEXT.Failed,
          errorCode: how.code,
          errorMessage: how.message,
          fileId: how.fileId ?? null,
          result: how.result ?? null,
        });
      case 'Canceled':
        return Object.assign(ended, { statusText: how.message });
      default:
        return how satisfies never;
    }
  }

  private callback(operation: OperationEntity, eventType: string, event: Bodies): OwnCallback | null {
    if (operation.callbackUrl === null) return null;
    const thinOver = operation.callbackThinOver ?? this.config.thinOver;
    return {
      id: randomId('dlv_'),
      url: operation.callbackUrl,
      origin: new URL(operation.callbackUrl).origin,
      headers: operation.callbackHeaders,
      body: this.presenters.body(operation, eventType, event, thinOver),
    };
  }
}
