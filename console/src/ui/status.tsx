import type { ReactNode } from 'react';

/** What the word means for whoever reads it; the colour never says it alone. */
const TONES: Readonly<Record<string, string>> = {
  Waiting: 'waiting',
  Executing: 'busy',
  Finished: 'good',
  Failed: 'bad',
  Canceled: 'ended',
  Pending: 'waiting',
  Delivered: 'good',
  Exhausted: 'bad',
  delivered: 'good',
  failed: 'bad',
  started: 'busy',
  unknown: 'waiting',
};

/** A state of an operation, a delivery or an attempt. */
export function Status({ of, children = of }: { of: string; children?: ReactNode }): ReactNode {
  return <span className={`status ${TONES[of] ?? 'ended'}`}>{children}</span>;
}
