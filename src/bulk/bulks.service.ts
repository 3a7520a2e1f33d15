import { Injectable } from '@nestjs/common';
import { type Accepted, Submissions } from '../operations/accept/submissions.service.js';
import type { Submission } from '../operations/accept/submission.js';
import { boundedBy, BULK_TYPE, type BulkInput } from './bulk-input.js';
import { BulkStore } from './bulk.store.js';

/** Acts on many operations or deliveries, as an operation of its own that survives whatever others survive. */
@Injectable()
export class BulksService {
  constructor(
    private readonly store: BulkStore,
    private readonly submissions: Submissions,
  ) {}

  /** How many it would act on now. */
  count(input: BulkInput): Promise<number> {
    return this.store.count(boundedBy(input));
  }

  /** Begins it: when this resolves, it is committed and will be done. */
  begin(
    input: BulkInput,
    by: Pick<Submission, 'accountId' | 'traceparent' | 'idempotency'>,
  ): Promise<Accepted> {
    return this.submissions.accept({
      ...by,
      own: true,
      face: 'native',
      type: BULK_TYPE,
      input,
      callback: null,
      correlation: null,
      priority: 0,
      runAt: null,
      timeoutS: null,
      retention: null,
    });
  }
}
