import { callbackChecks } from './callback-checks.js';
import type { Facts } from './facts.js';
import { operationChecks } from './operation-checks.js';

/** A broken promise. */
export interface Violation {
  readonly kind: string;
  /** The operation, delivery, account or process that it is about; null where it is about the whole. */
  readonly id: string | null;
  readonly detail: string;
}

/** What one promise is, and where the facts break it. */
export type Check = (facts: Facts) => Violation[];

/** Every promise that the facts break; none where all is well. */
export function judge(facts: Facts): Violation[] {
  return [...operationChecks, ...callbackChecks, ...wholeChecks].flatMap((check) => check(facts));
}

const wholeChecks: readonly Check[] = [
  slotsAreKept,
  flowsAreKept,
  ledgerIsBalanced,
  answersAreDeserved,
  processesLiveOn,
];

function slotsAreKept({ slots }: Facts): Violation[] {
  return slots
    .filter((fact) => fact.most > fact.slots)
    .map(({ account, slots, most, seenBy }) => ({
      kind: 'slots-exceeded',
      id: account,
      detail: `${most} operations were Executing at once, of ${slots} slots (seen by ${seenBy})`,
    }));
}

function flowsAreKept({ flows }: Facts): Violation[] {
  return flows
    .filter(({ most, parallelism }) => most > parallelism)
    .map(({ account, key, parallelism, most }) => ({
      kind: 'flow-exceeded',
      id: account,
      detail: `${most} operations of the flow key "${key}" were Executing at once, of ${parallelism}`,
    }));
}

function ledgerIsBalanced({ ledger }: Facts): Violation[] {
  if (ledger === null) return [{ kind: 'ledger-unknown', id: null, detail: 'GET /v1/ledger did not answer' }];
  const { balanced, accepted, rows } = ledger;
  if (balanced && accepted === rows) return [];
  const detail = `balanced: ${balanced}, accepted: ${accepted}, operations that there are: ${rows}`;
  return [{ kind: 'ledger-unbalanced', id: null, detail }];
}

function answersAreDeserved({ refusals }: Facts): Violation[] {
  return refusals.map(({ item, status, text }) => ({
    kind: 'refused',
    id: null,
    detail: `item ${item} was answered ${status}: ${text.slice(0, 200)}`,
  }));
}

function processesLiveOn({ processes }: Facts): Violation[] {
  return processes.map(({ process, what, detail }) => ({
    kind: 'process',
    id: process,
    detail: `${what}: ${detail}`,
  }));
}
