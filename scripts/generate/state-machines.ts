import { DELIVERY_MOVES } from '../../src/deliveries/delivery.state.js';
import { OPERATION_MOVES } from '../../src/operations/operation.state.js';

type Moves = Readonly<Record<string, readonly string[]>>;

/** What makes each move; a move without an occasion doesn't compile. */
type Occasions<M extends Moves> = {
  readonly [From in keyof M]: { readonly [To in M[From][number]]: string };
};

interface Machine {
  readonly title: string;
  readonly about: string;
  readonly start: readonly (readonly [state: string, occasion: string])[];
  readonly moves: Moves;
  readonly occasions: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const OPERATION_OCCASIONS: Occasions<typeof OPERATION_MOVES> = {
  Waiting: {
    Executing: 'a worker claimed it; `attempt` + 1',
    Canceled: 'asked by the caller',
    Failed: 'refused by its type as it was submitted, by a face that stores such too; nothing of it runs',
  },
  Executing: {
    Waiting:
      'the handler failed and the type allows another try, its lease ran out, or the worker is shutting down',
    Finished: 'the handler returned, or whoever has its completion token says so',
    Failed:
      'the handler failed for good, timed out, or the tries ran out, also where every try killed its worker; whoever has its completion token says so, or nobody has used one in time',
    Canceled:
      "asked by the caller; the running handler's `AbortSignal` fires, and it has a grace time to stop",
  },
  Finished: {},
  Failed: {},
  Canceled: {},
};

const DELIVERY_OCCASIONS: Occasions<typeof DELIVERY_MOVES> = {
  Pending: {
    Delivered: 'the receiver answered 200 to 299, now or before it was sent again',
    Exhausted: 'the schedule is spent, the receiver answered 410, or the address is refused',
    Canceled:
      'asked by the caller, its endpoint was deleted, or the caller has read how its `ack_by_poll` operation ended',
  },
  Delivered: {
    Pending:
      'redelivered by hand with `again=true`: one more attempt, same id, same bytes; Delivered again however it ends',
  },
  Exhausted: {
    Pending: 'redelivered by hand or by a recovery: one more attempt, same id, same bytes, signed anew',
  },
  Canceled: {},
};

const MACHINES: readonly Machine[] = [
  {
    title: 'Operation',
    about:
      'From `OPERATION_MOVES` in `src/operations/operation.state.ts`. A state that ends an operation never changes: a rerun is a new operation.',
    start: [['Waiting', 'accepted and committed']],
    moves: OPERATION_MOVES,
    occasions: OPERATION_OCCASIONS,
  },
  {
    title: 'Delivery',
    about:
      'From `DELIVERY_MOVES` in `src/deliveries/delivery.state.ts`. Between attempts a delivery stays Pending. What is owed again has its end taken back: its attempts stay in the log.',
    start: [['Pending', 'an event is owed to a destination, in the transaction that ended the operation']],
    moves: DELIVERY_MOVES,
    occasions: DELIVERY_OCCASIONS,
  },
];

/** docs/state-machines.md: a diagram and a table of each state machine. */
export function stateMachinesPage(): string {
  return [
    '<!-- Generated from the state tables in src by `npm run generate`; change them there. -->',
    '',
    '# State machines',
    '',
    'What has not ended is a row in `live_operation` or `live_delivery`; how it ended is a row in `operation_end` or `delivery_end`. Of each operation and each delivery exactly one of the two is there, because every statement that takes one makes the other in the same commit.',
    '',
    'A move is one guarded statement. Zero rows mean that another process was first, which is no error. The database itself refuses a second end, another state for an end, a live row for what has ended, and a lease without a place.',
    '',
    ...MACHINES.flatMap(section),
  ].join('\n');
}

function section({ title, about, start, moves, occasions }: Machine): string[] {
  const edges = Object.entries(moves).flatMap(([from, tos]) => tos.map((to) => [from, to] as const));
  const ends = Object.keys(moves).filter((state) => moves[state]?.length === 0);
  return [
    `## ${title}`,
    '',
    about,
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...start.map(([state]) => `  [*] --> ${state}`),
    ...edges.map(([from, to]) => `  ${from} --> ${to}`),
    ...ends.map((state) => `  ${state} --> [*]`),
    '```',
    '',
    '| from | to | occasion |',
    '| --- | --- | --- |',
    ...start.map(([state, occasion]) => `| (new) | ${state} | ${occasion} |`),
    ...edges.map(([from, to]) => `| ${from} | ${to} | ${occasions[from]?.[to]} |`),
    '',
  ];
}
