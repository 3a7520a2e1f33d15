import { Injectable } from '@nestjs/common';
import { SecretBox, type SecretPlace } from '../../signing/secret-box.js';
import type { PollTarget } from './polling-handler.js';

interface Row {
  readonly accountId: string;
  readonly rid: string;
}

/** Targets that are kept open: a job is polled with the same one again and again. */
const MAX_OPEN = 20_000;

/** What jobs are polled with, as it is stored: sealed for the operation. */
@Injectable()
export class PollTargets {
  /** By row and sealed text: what was moved to another row does not open. */
  private readonly opened = new Map<string, PollTarget>();

  constructor(private readonly box: SecretBox) {}

  seal(row: Row, target: PollTarget): string {
    return this.box.seal(JSON.stringify(target), place(row));
  }

  open(row: Row, sealed: string): PollTarget {
    const key = `${row.accountId} ${row.rid} ${sealed}`;
    const known = this.opened.get(key);
    if (known !== undefined) return known;
    const target = JSON.parse(this.box.open(sealed, place(row))) as PollTarget;
    if (this.opened.size >= MAX_OPEN) this.opened.clear();
    this.opened.set(key, target);
    return target;
  }
}

function place({ accountId, rid }: Row): SecretPlace {
  return { account: accountId, row: rid, column: 'poll_target' };
}
