import type { OperationFact, RunFact } from './facts.js';
import type { Recovery } from './faults.js';

/** Milliseconds of each kind of recovery. */
export interface RecoveryTimes {
  /** From PostgreSQL's start to the first end of an operation. */
  readonly postgres: readonly number[];
  /** From the kill of a process to the end of an operation that it was running then. */
  readonly killed: readonly number[];
}

export function recoveryTimes(
  recoveries: readonly Recovery[],
  operations: readonly OperationFact[],
  runs: readonly RunFact[],
): RecoveryTimes {
  const ends = operations.flatMap(({ endedAt }) => (endedAt === null ? [] : [endedAt])).sort((a, b) => a - b);
  const endOf = new Map(operations.map(({ id, endedAt }) => [id, endedAt]));
  const postgres = recoveries
    .filter(({ from }) => from === 'PostgreSQL is back')
    .flatMap(({ at }) => {
      const first = ends.find((end) => end > at);
      return first === undefined ? [] : [first - at];
    });
  const killed = recoveries
    .filter(({ from }) => from === 'a process was killed')
    .flatMap(({ at, pid }) =>
      runs
        .filter((run) => run.pid === pid && run.endedAt === null)
        .flatMap(({ operation }) => {
          const end = endOf.get(operation) ?? null;
          return end === null || end < at ? [] : [end - at];
        }),
    );
  return { postgres, killed };
}
