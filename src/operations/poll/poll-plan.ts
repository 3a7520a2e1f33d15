/** How a job of another API is followed to its end. Of several sources the first one counts that has something. */
export interface PollPlan {
  /** Seconds between polls, unless the API asks for more by `Retry-After`. */
  readonly everyS: number;
  /** Seconds after the first answer within which the job must have ended. */
  readonly untilS: number;
  /** Where the first answer names the URL to poll. */
  readonly location: readonly string[];
  /** Where an answer says how the job stands; `http`: its status does, by 202 as long as the job runs. */
  readonly status: 'http' | readonly string[];
  /** An answer that says nothing of it there: the job runs on (`again`), or as `http` has it. */
  readonly unsaid: 'again' | 'http';
  /** Words, in lower case, by which a job has ended well. */
  readonly done: readonly string[];
  /** Words, in lower case, by which it has failed. */
  readonly failed: readonly string[];
  /** Where the reason of a failure stands: a text, or an object with a message. One that is there is a failure, whatever the word. */
  readonly error: readonly string[];
  /** Where the last answer names the URL of the result; `body`: that answer is the result. */
  readonly result: readonly string[];
  /** Where an answer says how far the job is: a number, or a text with one before a percent sign. */
  readonly progress: readonly string[];
  /** Where the number stands that the progress counts up to; null: it is in percent. */
  readonly total: string | null;
  /** Where a line for people stands. */
  readonly text: readonly string[];
  /** Method and URL of a request that cancels the job; null: none does. */
  readonly cancel: string | null;
}

/** What of a plan isn't said otherwise. */
export const PLAIN: PollPlan = {
  everyS: 5,
  untilS: 86_400,
  location: [],
  status: 'http',
  unsaid: 'again',
  done: [],
  failed: [],
  error: [],
  result: ['body'],
  progress: [],
  total: null,
  text: [],
  cancel: null,
};
