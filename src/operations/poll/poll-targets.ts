import { Injectable } from '@nestjs/common';
import { SecretBox, type SecretPlace } from '../../signing/secret-box.js';
import type { PollTarget } from './polling-handler.js';

interface Row {
  readonly accountId: string;
  readonly rid: string;
}

/** What jobs are polled with, as it is stored: sealed for the operation. */
@Injectable()
export class PollTargets {
  constructor(private readonly box: SecretBox) {}

  seal(row: Row, target: PollTarget): string {
    return this.box.seal(JSON.stringify(target), place(row));
  }

  open(row: Row, sealed: string): PollTarget {
    return JSON.parse(this.box.open(sealed, place(row))) as PollTarget;
  }
}

function place({ accountId, rid }: Row): SecretPlace {
  return { account: accountId, row: rid, column: 'poll_target' };
}
