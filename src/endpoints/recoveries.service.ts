import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { RecoveryEntity } from './endpoint.entity.js';
import { EndpointRefusedError, RecoveryEndedError, RecoveryNotFoundError } from './endpoint.errors.js';
import { RecoveryLoop } from './recovery.loop.js';
import { type RecoveryScope, RecoveryStore, type RecoveryView } from './recovery.store.js';

/** Sends many deliveries again, as jobs that survive a crash and keep to the turns and caps of all deliveries. */
@Injectable()
export class RecoveriesService {
  constructor(
    private readonly store: RecoveryStore,
    private readonly loop: RecoveryLoop,
  ) {}

  async begin(scope: RecoveryScope): Promise<RecoveryEntity> {
    if (scope.until <= scope.since)
      throw new EndpointRefusedError('invalid-request', [{ path: 'until', message: 'must be after since' }]);
    const recovery = await this.store.begin(`rec_${randomBytes(16).toString('hex')}`, scope);
    this.loop.wake();
    return recovery;
  }

  async find(accountId: string | null, id: string): Promise<RecoveryView> {
    const view = await this.store.find(accountId, id);
    if (!view) throw new RecoveryNotFoundError(`there is no recovery ${id.slice(0, 60)} in this account`);
    return view;
  }

  /** Brings no more forward; what it has brought forward is sent. */
  async cancel(accountId: string, id: string): Promise<RecoveryView> {
    const canceled = await this.store.cancel(accountId, id);
    const view = await this.find(accountId, id);
    if (!canceled) throw new RecoveryEndedError(`the recovery is already ${view.recovery.state}`);
    return view;
  }
}
