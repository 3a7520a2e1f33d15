import type { Operation } from '../rows.js';

/** How each face shows an operation, by the one table of statuses; pure. */

const BGRS = {
  Waiting: '1 waiting',
  Executing: '2 executing',
  Failed: '3 failed',
  Finished: '4 finished',
  Canceled: '5 canceled',
} as const;

const LRO = {
  Waiting: 'NotStarted',
  Executing: 'Running',
  Finished: 'Succeeded',
  Failed: 'Failed',
  Canceled: 'Canceled',
} as const;

export interface FaceRow {
  readonly face: string;
  readonly status: string;
  /** What its clients GET. */
  readonly poll: string;
}

export function faceRows({ id, request_id, status }: Operation): FaceRow[] {
  return [
    { face: 'native', status, poll: `/v1/operations/${id}` },
    {
      face: 'trm',
      status: status === 'Canceled' ? 'Failed, statusInfo “Canceled…”' : status,
      poll: `/api/trm/status?requestid=${request_id}`,
    },
    { face: 'bgrs', status: BGRS[status], poll: `/bgrs/${id}` },
    { face: 'lro', status: LRO[status], poll: `/lro/operations/${id}` },
  ];
}
