import type { Facts, OperationFact, RunFact } from './facts.js';
import type { LoadKind } from './load-plan.js';
import type { Check, Violation } from './oracle.js';

/** Ends that a kind of load may come to besides Finished: a state, or the code of a failure. */
const OTHER_ENDS: Partial<Record<LoadKind, readonly string[]>> = {
  cancel: ['Canceled'],
  refused: ['chaos_refused'],
  // Whose completion URL was lost with the answer.
  external: ['timeout'],
};

/** What is promised of an operation itself. */
export const operationChecks: readonly Check[] = [
  acknowledgedAreKept,
  allEnd,
  allEndOnce,
  endsAreExplained,
  endsStayAsTold,
  keysAreOneOperation,
  ticksAreOneOperation,
  runsAreCounted,
];

function acknowledgedAreKept({ acknowledged, operations }: Facts): Violation[] {
  const kept = new Set(operations.map(({ id }) => id));
  return acknowledged
    .filter(({ id }) => !kept.has(id))
    .map(({ id, item }) => ({ kind: 'lost', id, detail: `was acknowledged (item ${item}) and has no row` }));
}

function allEnd({ operations }: Facts): Violation[] {
  return operations
    .filter(({ endedAt }) => endedAt === null)
    .map(({ id, state, attempt, kind }) => ({
      kind: 'not-ended',
      id,
      detail: `${kind} is still ${state}, after ${attempt} attempts`,
    }));
}

function allEndOnce({ operations }: Facts): Violation[] {
  return operations
    .filter(({ ends, endedAt }) => ends !== (endedAt === null ? 0 : 1))
    .map(({ id, ends, state }) => ({
      kind: 'not-settled-once',
      id,
      detail: `is ${state}, and its history has ${ends} ends`,
    }));
}

function endsAreExplained({ operations }: Facts): Violation[] {
  return operations
    .filter((operation) => operation.endedAt !== null && !mayEndSo(operation))
    .map(({ id, kind, state, errorCode, attempt, tries }) => ({
      kind: 'ended-wrongly',
      id,
      detail: `${kind} is ${state} (${errorCode ?? 'no error'}) after ${attempt} of ${tries} attempts`,
    }));
}

function mayEndSo({ kind, state, errorCode, attempt, tries }: OperationFact): boolean {
  const others: readonly string[] = (kind === null ? undefined : OTHER_ENDS[kind]) ?? [];
  if (state === 'Finished') return kind !== 'refused';
  if (state === 'Canceled') return others.includes('Canceled');
  if (errorCode === 'attempts_exhausted') return attempt >= tries;
  // A shutdown uses up no try, and one that may run once can't be given back.
  if (errorCode === 'interrupted') return tries === 1;
  return errorCode !== null && others.includes(errorCode);
}

function endsStayAsTold({ told, operations, posts }: Facts): Violation[] {
  const states = new Map(operations.map(({ id, state }) => [id, state]));
  const claims = [
    ...told.map(({ id, state }) => ({ id, state, by: 'an answer' })),
    ...posts.flatMap(({ operation: id, told }) => (told ? [{ id, state: told, by: 'a callback' }] : [])),
  ];
  return claims
    .filter(({ id, state }) => states.has(id) && states.get(id) !== state)
    .map(({ id, state, by }) => ({
      kind: 'told-otherwise',
      id,
      detail: `${by} said ${state}, and it is ${states.get(id)}`,
    }));
}

function keysAreOneOperation({ acknowledged, operations }: Facts): Violation[] {
  const items = new Map<number, Set<string>>();
  const keyed = new Set<number>();
  for (const { id, item, kind } of operations) {
    if (item === null || kind !== 'idempotent') continue;
    keyed.add(item);
    add(items, item, id);
  }
  for (const { id, item } of acknowledged) if (keyed.has(item)) add(items, item, id);
  return [...items]
    .filter(([, ids]) => ids.size > 1)
    .map(([item, ids]) => ({
      kind: 'key-doubled',
      id: [...ids].join(' '),
      detail: `one Idempotency-Key (item ${item}) is ${ids.size} operations`,
    }));
}

function ticksAreOneOperation({ schedules }: Facts): Violation[] {
  return schedules.flatMap(({ id, acknowledged, kept, operations }) => {
    if (!kept) return [{ kind: 'lost', id, detail: 'is a schedule that was acknowledged and has no row' }];
    if (operations === 1) return [];
    const how = acknowledged ? 'was acknowledged' : 'was not acknowledged';
    return [
      {
        kind: 'tick-miscounted',
        id,
        detail: `has one tick, ${how}, and has submitted ${operations} operations`,
      },
    ];
  });
}

function runsAreCounted({ runs, operations }: Facts): Violation[] {
  const rows = new Map(operations.map((operation) => [operation.id, operation]));
  const byOperation = Map.groupBy(runs, ({ operation }) => operation);
  return [...byOperation].flatMap(([id, of]) => faultOf(of, rows.get(id)).map((fault) => ({ ...fault, id })));
}

function faultOf(runs: readonly RunFact[], row: OperationFact | undefined): Omit<Violation, 'id'>[] {
  if (row === undefined) return [{ kind: 'unknown-run', detail: 'was run and has no row' }];
  if (runs[0]!.once && runs.length > 1)
    return [{ kind: 'ran-twice', detail: `may run once and ran ${runs.length} times (${row.kind})` }];
  if (new Set(runs.map(({ attempt }) => attempt)).size < runs.length)
    return [{ kind: 'ran-twice', detail: `one claim was run more than once: ${runs.length} runs` }];
  return [];
}

function add(sets: Map<number, Set<string>>, key: number, value: string): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(value));
}
