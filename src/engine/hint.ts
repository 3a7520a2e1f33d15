/** Tells a worker that a row is due: the row's id, and the epoch that makes older hints to it void. */
export interface Hint {
  readonly id: string;
  readonly epoch: number;
}
