/** An operation's own callback that its end owes: the body is already serialised, so deliveries know nothing of operations. */
export interface OwnCallback {
  readonly id: string;
  readonly url: string;
  readonly origin: string;
  /** Sealed for the row of the operation. */
  readonly headers: string | null;
  readonly body: string;
}

/** What an end owes to every endpoint of the account whose filter matches, besides the operation's own callback. */
export interface OwedEvent {
  readonly eventType: string;
  readonly body: string;
}
