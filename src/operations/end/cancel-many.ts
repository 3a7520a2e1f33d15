import { Injectable } from '@nestjs/common';
import { OperationWaits } from '../read/operation-waits.js';
import { CANCELED, OperationEnder } from './operation-ender.js';
import { RescueStore } from './rescue.store.js';

/** Cancels operations by their numbers, many at once, for who doesn't wait until each has ended. */
@Injectable()
export class CancelMany {
  constructor(
    private readonly rescue: RescueStore,
    private readonly ender: OperationEnder,
    private readonly waits: OperationWaits,
  ) {}

  /**
   * Ends those that wait, and asks those that run to stop: they are Canceled when their handlers have stopped, or else after the
   * grace time. What has ended is left alone. Answers how many it has ended or asked.
   */
  async cancel(requestIds: readonly string[]): Promise<number> {
    let done = 0;
    for (let left = requestIds; left.length > 0;) {
      const claims = await this.rescue.takeOverAll(left);
      const ended = await Promise.all(
        claims.map((claim) => this.ender.end(claim, CANCELED, claim.claimedAt)),
      );
      const running = await this.rescue.askAllToStop(left);
      for (const requestId of running) this.waits.canceling(requestId);
      done += ended.filter((operation) => operation !== null).length + running.length;
      // One that was given back in between is neither; as long as there are such, there may be more.
      const settled = new Set([...claims.map(({ operation }) => operation.requestId), ...running]);
      left = settled.size === 0 ? [] : left.filter((requestId) => !settled.has(requestId));
    }
    return done;
  }
}
