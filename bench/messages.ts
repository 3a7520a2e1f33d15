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

/** What both kinds of load say. */
interface Load {
  readonly serviceUrl: string;
  readonly key: string;
  readonly ports: readonly number[];
  readonly count: number;
}

/** `count` submits by `concurrency` connections, each pausing `gapMs` after an answer. */
export interface ToSubmit extends Load {
  readonly ask: 'submit';
  readonly concurrency: number;
  readonly gapMs: number;
}

/** `count` submits at `rate` a second, whatever the service does. */
export interface ToOffer extends Load {
  readonly ask: 'offer';
  readonly rate: number;
}

/** What the load maker's process is asked. */
export type ToLoad = ToSubmit | ToOffer;

/** One submit, wall clock. */
export interface Submitted {
  readonly rid: string;
  /** When it was to be sent: what the service made wait counts from here. */
  readonly intendedAt: number;
  readonly sentAt: number;
  readonly answeredAt: number;
}

/** How submitting went; single submits only where the pace left time to note them. */
export interface LoadAnswer {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly answerMs: number[];
  readonly refused: number;
  readonly submitted: readonly Submitted[];
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

/** What the process with an API of jobs is asked. */
export type ToJobs = { readonly ask: 'listen' } | { readonly ask: 'count' } | { readonly ask: 'end' };

/** Its answers. */
export interface JobsAnswers {
  listen: { readonly port: number };
  /** Since the last count, but for the jobs and connections, which are all. */
  count: {
    readonly polls: number;
    readonly gapsMs: readonly number[];
    readonly jobs: number;
    readonly connections: number;
  };
  end: null;
}
