/** What the receiver's process is asked. */
export type ToReceiver =
  | { readonly ask: 'listen'; readonly origins: number }
  | { readonly ask: 'forget' }
  | { readonly ask: 'reach'; readonly count: number }
  | { readonly ask: 'arrivals' };

/** One callback as it arrived: the operation, when it was received and what it says of the operation's end. */
export type Arrival = readonly [rid: string, receivedAt: number, finishedAt: number];

/** The receiver's answers. */
export interface ReceiverAnswers {
  listen: { readonly ports: number[] };
  forget: null;
  /** Wall clock of the arrival that made the count. */
  reach: { readonly at: number };
  arrivals: { readonly first: Arrival[]; readonly duplicates: number };
}

/** What the load maker's process is asked: `count` submits by `concurrency` connections, each pausing `gapMs` after an answer. */
export interface ToLoad {
  readonly ask: 'submit';
  readonly serviceUrl: string;
  readonly key: string;
  readonly ports: readonly number[];
  readonly count: number;
  readonly concurrency: number;
  readonly gapMs: number;
}

/** How submitting went; ids and times only where the pace left time to note them. */
export interface LoadAnswer {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly answerMs: number[];
  readonly refused: number;
  readonly submitted: readonly (readonly [rid: string, submittedAt: number])[];
}

/** One answer to be held: whose operation it is about. */
export interface Held {
  readonly key: string;
  readonly id: string;
}

/** What the holder's process is asked: to have answers held, and to leave. */
export type ToHolder =
  | {
      readonly ask: 'hold';
      readonly serviceUrl: string;
      readonly polls: readonly Held[];
      readonly streams: readonly Held[];
    }
  | { readonly ask: 'leave' };

/** The holder's answers. */
export interface HolderAnswers {
  hold: null;
  /** Polls answered when their time was up, and answers of either kind that came before it: those weren't held. */
  leave: { readonly answered: number; readonly early: number };
}

/** What the ceilings' process is asked. */
export type ToCeiling =
  | {
      readonly ask: 'got';
      readonly ports: readonly number[];
      readonly count: number;
      readonly concurrency: number;
    }
  | {
      readonly ask: 'bullmq';
      readonly backend: 'postgresql' | 'redis';
      readonly url: string;
      readonly count: number;
      readonly concurrency: number;
    };

/** Units of work a second. */
export interface CeilingAnswer {
  readonly perSecond: number;
}
