import type { Statement } from './postgres-meter.js';
import { type HopName, HOPS } from './trace.js';

/** What a figure is, and with how many digits it is shown. */
export interface Figure {
  readonly label: string;
  readonly digits: number;
}

/** A hop of the trace as a figure. */
type HopFigure<When extends string = 'idle' | 'rate'> = `${When}.${HopName}`;

/** The name of a hop's figure, of an idle service or at the rate. */
export function hopFigure<When extends 'idle' | 'rate'>(when: When, hop: HopName): HopFigure<When> {
  return `${when}.${hop}`;
}

function hopFigures<When extends 'idle' | 'rate'>(
  when: When,
  label: string,
): Record<HopFigure<When>, Figure> {
  const figures = Object.entries(HOPS).map(([hop, { label: what }]) => [
    hopFigure(when, hop as HopName),
    { label: `${label}: ${what}, median, ms`, digits: 1 },
  ]);
  return Object.fromEntries(figures) as Record<HopFigure<When>, Figure>;
}

/** The rows of the table, in their order. */
export const FIGURES = {
  cpu: { label: 'CPU per operation, service + PostgreSQL, ms', digits: 2 },
  cpuService: { label: '– of the service, ms', digits: 2 },
  cpuPostgres: { label: '– of PostgreSQL, ms', digits: 2 },
  endToEnd: { label: 'operations with their callback received, end to end, 1/s', digits: 0 },
  accepted: { label: 'accepted, 1/s', digits: 0 },
  rateP50: { label: 'at the rate: submit due → callback received, p50, ms', digits: 1 },
  rateP95: { label: 'at the rate: submit due → callback received, p95, ms', digits: 1 },
  rateP99: { label: 'at the rate: submit due → callback received, p99, ms', digits: 1 },
  rateAnswerP95: { label: 'at the rate: submit due → answer, p95, ms', digits: 1 },
  behind: { label: 'at the rate: callbacks still to come when the last was sent', digits: 0 },
  ...hopFigures('rate', '– at the rate'),
  idleP50: { label: 'idle: submit → callback received, p50, ms', digits: 1 },
  idleP95: { label: 'idle: submit → callback received, p95, ms', digits: 1 },
  ...hopFigures('idle', '– idle'),
  wal: { label: 'WAL per operation, KB', digits: 1 },
  commits: { label: 'commits per operation', digits: 2 },
  statementsRows: { label: 'statements per operation, for rows', digits: 2 },
  statementsQueue: { label: 'statements per operation, for the queue', digits: 2 },
  dispatch: { label: "dispatch's statements per operation, ms", digits: 3 },
  claims: { label: "claims' statements per operation, ms", digits: 3 },
  idleRound: { label: 'a statement of dispatch when idle, ms', digits: 2 },
  idleCpuService: { label: 'CPU when idle, service, % of a core', digits: 1 },
  idleCpuPostgres: { label: 'CPU when idle, PostgreSQL, % of a core', digits: 1 },
  rss: { label: 'most memory of the service (RSS), MB', digits: 0 },
  refused: { label: 'refused submits', digits: 0 },
  duplicates: { label: 'doubled callbacks', digits: 0 },
  othersCores: { label: 'cores kept busy by others', digits: 2 },
} as const satisfies Record<string, Figure>;

/** A figure's name. */
export type FigureName = keyof typeof FIGURES;

/** What one turn of a side told; a figure that can't be had here is left out. */
export interface Turn {
  readonly figures: Readonly<Partial<Record<FigureName, number>>>;
  readonly operations: number;
  readonly top: readonly Statement[];
}
