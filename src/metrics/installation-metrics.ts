import { Gauge, type Registry } from 'prom-client';
import type { VacuumState } from '../database/vacuum.store.js';
import { isBalanced, type Ledger, type TypeCount } from '../operations/read/ledger.store.js';
import type { TypeLabels } from './type-labels.js';

/** What is read for the metrics of the whole installation. */
export interface Reading {
  readonly ledger: Ledger;
  readonly types: readonly TypeCount[];
  readonly vacuum: VacuumState;
  /** Processes with the role `worker` that run. */
  readonly workers: number;
}

/** The metrics that are the same in every process, since they come from the rows. */
export class InstallationMetrics {
  private readonly operations = this.gauge('ringback_operations', 'Operations that are there', [
    'type',
    'state',
  ]);
  private readonly deliveries = this.gauge('ringback_deliveries', "Operations' own callbacks", ['state']);
  private readonly accepted = this.gauge(
    'ringback_ledger_accepted',
    'Operations accepted, less those that retention deleted',
  );
  private readonly balanced = this.gauge('ringback_ledger_balanced', '1 while nothing is lost');
  private readonly overdue = this.gauge(
    'ringback_oldest_overdue_seconds',
    'How long a due row has been left lying, by the dispatcher or by the workers',
  );
  private readonly queueAge = this.gauge(
    'ringback_queue_age_seconds',
    'How long the first Waiting operation has waited for a slot and a worker',
  );
  private readonly typeQueueAge = this.gauge(
    'ringback_type_queue_age_seconds',
    'How long the first Waiting operation of a type has waited for a slot and a worker',
    ['type'],
  );
  private readonly undeliveredAge = this.gauge(
    'ringback_undelivered_age_seconds',
    'How long the first delivery has waited for room and a worker',
  );
  private readonly slots = this.gauge('ringback_slots_used', 'Slots that are taken, over all accounts');
  private readonly running = this.gauge(
    'ringback_operations_running',
    'Operations that a worker runs: those that only await somebody or something are not among them',
  );
  private readonly deadRows = this.gauge(
    'ringback_dead_rows',
    'Rows of the live tables that are not cleared away yet, as PostgreSQL estimates',
    ['table'],
  );
  private readonly oldestTransaction = this.gauge(
    'ringback_oldest_transaction_seconds',
    'Age of the oldest transaction that keeps PostgreSQL from clearing dead rows away',
  );
  private readonly workers = this.gauge('ringback_workers', 'Processes with the role worker that run');
  private readonly up = this.gauge('ringback_postgresql_up', '1 when the ledger could be read');

  constructor(
    private readonly registry: Registry,
    private readonly labels: TypeLabels,
  ) {}

  /** What was read. */
  show({ ledger, types, vacuum, workers }: Reading): void {
    this.showLedger(ledger);
    this.showTypes(types);
    this.workers.set(workers);
    this.showVacuum(vacuum);
    this.up.set(1);
  }

  /** What is no longer known must not look as if it were. */
  forget(): void {
    for (const gauge of [this.accepted, this.balanced, this.overdue]) gauge.remove();
    for (const gauge of [this.queueAge, this.undeliveredAge, this.slots, this.running]) gauge.remove();
    for (const gauge of [this.workers, this.oldestTransaction]) gauge.remove();
    for (const gauge of [this.operations, this.deliveries, this.deadRows]) gauge.reset();
    this.typeQueueAge.reset();
    this.up.set(0);
  }

  private showTypes(types: readonly TypeCount[]): void {
    const ages = new Map<string, number>();
    this.operations.reset();
    for (const { type, state, count, oldestWaitingS } of types) {
      const label = this.labels.of(type);
      this.operations.inc({ type: label, state }, count);
      ages.set(label, Math.max(ages.get(label) ?? 0, oldestWaitingS));
    }
    this.typeQueueAge.reset();
    for (const [type, age] of ages) this.typeQueueAge.set({ type }, age);
  }

  private showLedger(ledger: Ledger): void {
    this.deliveries.set({ state: 'Pending' }, ledger.pending);
    this.deliveries.set({ state: 'Delivered' }, ledger.delivered);
    this.deliveries.set({ state: 'Exhausted' }, ledger.exhausted);
    this.deliveries.set({ state: 'Canceled' }, ledger.deliveriesCanceled);
    this.accepted.set(ledger.accepted);
    this.balanced.set(isBalanced(ledger) ? 1 : 0);
    this.overdue.set(ledger.oldestOverdueS);
    this.queueAge.set(ledger.oldestWaitingS);
    this.undeliveredAge.set(ledger.oldestUndeliveredS);
    this.slots.set(ledger.slotsUsed);
    this.running.set(ledger.running);
  }

  private showVacuum({ deadRows, oldestS }: VacuumState): void {
    for (const [table, rows] of Object.entries(deadRows)) this.deadRows.set({ table }, rows);
    this.oldestTransaction.set(oldestS);
  }

  private gauge<Label extends string>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
