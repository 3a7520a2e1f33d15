/** What whoever has the completion URL of an operation says of it: how it ends, or how far it is. */
export type Completion =
  | {
      readonly status: 'finished';
      /** JSON: what came of it. */
      readonly result?: unknown;
      /** JSON: what its caller needs to go on. */
      readonly custom?: unknown;
      /** Id of a file of the operation's account, which is its result then. */
      readonly file?: string | null;
    }
  | { readonly status: 'failed'; readonly error: { readonly code: string; readonly message: string } }
  | {
      readonly status: 'running';
      /** 0 to 100. */
      readonly progress?: number | null;
      /** A line for people. */
      readonly text?: string | null;
    };
