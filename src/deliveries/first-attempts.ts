import { Injectable } from '@nestjs/common';
import type { DeliveryClaim } from './delivery-claim.js';

/** A place for a first attempt, and what the statement that makes its delivery needs to lease it. */
export interface FirstAttempt {
  readonly token: string;
  /** Makes the attempt: the delivery was leased. */
  begin(claim: DeliveryClaim): void;
  /** Gives the place up: the delivery wasn't leased. */
  cancel(): void;
  /** Gives both up: nobody knows whether the delivery was leased. */
  abandon(operationId: string): void;
}

/** Who makes attempts in this process. */
export interface FirstAttemptMaker {
  /** Null where there is no place. */
  reserve(): FirstAttempt | null;
}

/** Lets an end begin its callback's first attempt in the process where it comes: no dispatch, no queue and no claim in between. */
@Injectable()
export class FirstAttempts {
  private maker: FirstAttemptMaker | undefined;

  /** Named once, by a process that makes attempts. */
  madeBy(maker: FirstAttemptMaker): void {
    this.maker = maker;
  }

  reserve(): FirstAttempt | null {
    return this.maker?.reserve() ?? null;
  }
}
