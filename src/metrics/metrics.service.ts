import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { GROUP_COMMIT } from '../database/group-commit.js';
import { type VacuumState, VacuumStore } from '../database/vacuum.store.js';
import { ATTEMPT_MADE, type AttemptMade } from '../deliveries/attempt-made.js';
import { isBalanced, type Ledger, LedgerStore, type TypeCount } from '../operations/read/ledger.store.js';
import { OPERATION_ENDED, type OperationEnded } from '../operations/end/operation-ended.js';

/** How long a reading of the ledger serves scrapes, ms: so many scrapers cost one statement. */
const FRESH_MS = 5_000;
/** A reading that took longer serves for so many times that: it takes at most a twentieth of one connection's time. */
const FRESH_TIMES = 20;
/** More operation types than this share the label `other`: what a scrape costs stays bounded. */
const MAX_TYPES = 100;
const SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200];

/** Metrics in Prometheus' text format: of the whole installation where they come from the ledger, else of this process. */
@Injectable()
export class MetricsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly registry = new Registry();
  private readonly types = new Set<string>();
  private read: Promise<void> | undefined;
  private freshUntil = -Infinity;

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
  private readonly undeliveredAge = this.gauge(
    'ringback_undelivered_age_seconds',
    'How long the first delivery has waited for room and a worker',
  );
  private readonly slots = this.gauge('ringback_slots_used', 'Slots that are taken, over all accounts');
  private readonly deadRows = this.gauge(
    'ringback_dead_rows',
    'Rows of the live tables that are not cleared away yet, as PostgreSQL estimates',
    ['table'],
  );
  private readonly oldestTransaction = this.gauge(
    'ringback_oldest_transaction_seconds',
    'Age of the oldest transaction that keeps PostgreSQL from clearing dead rows away',
  );
  private readonly up = this.gauge('ringback_postgresql_up', '1 when the ledger could be read');
  private readonly duration = this.histogram(
    'ringback_operation_duration_seconds',
    'From first claim to end',
    SECONDS,
    ['type', 'state'],
  );
  private readonly attempts = new Counter({
    name: 'ringback_attempts_total',
    help: 'Callback attempts by outcome and by class: 2xx to 5xx, or the error that left no response',
    labelNames: ['outcome', 'class'],
    registers: [this.registry],
  });
  private readonly attemptDuration = this.histogram(
    'ringback_attempt_duration_seconds',
    'One callback attempt',
    SECONDS.slice(0, 11),
  );
  private readonly latency = this.histogram(
    'ringback_end_to_end_seconds',
    'From acceptance to the delivered callback',
    SECONDS,
  );
  private readonly batches = this.histogram(
    'ringback_group_commit_size',
    'Entries that shared a statement and a commit',
    [1, 2, 5, 10, 25, 50, 100, 250],
  );

  constructor(
    private readonly ledger: LedgerStore,
    private readonly vacuum: VacuumStore,
  ) {}

  onApplicationBootstrap(): void {
    OPERATION_ENDED.subscribe(this.ended);
    ATTEMPT_MADE.subscribe(this.attempted);
    GROUP_COMMIT.subscribe(this.grouped);
  }

  onApplicationShutdown(): void {
    OPERATION_ENDED.unsubscribe(this.ended);
    ATTEMPT_MADE.unsubscribe(this.attempted);
    GROUP_COMMIT.unsubscribe(this.grouped);
    this.registry.clear();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The text of a scrape. Without PostgreSQL it has what this process knows by itself. */
  async scrape(): Promise<string> {
    // Not before the first scrape: it watches the event loop, which costs a little.
    if (this.registry.getSingleMetric('process_cpu_user_seconds_total') === undefined)
      collectDefaultMetrics({ register: this.registry });
    if (performance.now() >= this.freshUntil) this.read ??= this.refresh();
    await this.read;
    return this.registry.metrics();
  }

  private async refresh(): Promise<void> {
    const startedAt = performance.now();
    try {
      const { ledger, types } = await this.ledger.read();
      this.show(ledger, types);
      this.showVacuum(await this.vacuum.glance());
      this.up.set(1);
    } catch {
      // What is no longer known must not look as if it were.
      for (const gauge of [this.accepted, this.balanced, this.overdue]) gauge.remove();
      for (const gauge of [this.operations, this.deliveries]) gauge.reset();
      for (const gauge of [this.queueAge, this.undeliveredAge, this.slots, this.oldestTransaction])
        gauge.remove();
      this.deadRows.reset();
      this.up.set(0);
    } finally {
      const now = performance.now();
      this.freshUntil = now + Math.max(FRESH_MS, (now - startedAt) * FRESH_TIMES);
      this.read = undefined;
    }
  }

  private show(ledger: Ledger, types: readonly TypeCount[]): void {
    this.operations.reset();
    for (const { type, state, count } of types)
      this.operations.inc({ type: this.typeLabel(type), state }, count);
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
  }

  private showVacuum({ deadRows, oldestS }: VacuumState): void {
    for (const [table, rows] of Object.entries(deadRows)) this.deadRows.set({ table }, rows);
    this.oldestTransaction.set(oldestS);
  }

  private readonly ended = (message: unknown): void => {
    const { type, state, durationS } = message as OperationEnded;
    this.duration.observe({ type: this.typeLabel(type), state }, durationS);
  };

  private readonly attempted = (message: unknown): void => {
    const { outcome, outcomeClass, durationS, latencyS } = message as AttemptMade;
    this.attempts.inc({ outcome, class: outcomeClass });
    this.attemptDuration.observe(durationS);
    if (latencyS !== null) this.latency.observe(latencyS);
  };

  private readonly grouped = (size: unknown): void => this.batches.observe(size as number);

  private typeLabel(type: string): string {
    if (this.types.size < MAX_TYPES) this.types.add(type);
    return this.types.has(type) ? type : 'other';
  }

  private gauge<Label extends string>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  private histogram<Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: Label[] = [],
  ): Histogram<Label> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}
