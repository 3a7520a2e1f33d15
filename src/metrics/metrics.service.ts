import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { GROUP_COMMIT } from '../database/group-commit.js';
import { VacuumStore } from '../database/vacuum.store.js';
import { ATTEMPT_MADE, type AttemptMade } from '../deliveries/attempt-made.js';
import { ProcessStore } from '../engine/process.store.js';
import { HealthService } from '../health/health.service.js';
import { LedgerStore } from '../operations/read/ledger.store.js';
import { OPERATION_ENDED, type OperationEnded } from '../operations/end/operation-ended.js';
import { InstallationMetrics } from './installation-metrics.js';
import { TypeLabels } from './type-labels.js';

/** How long a reading of the ledger serves scrapes, ms: so many scrapers cost one statement. */
const FRESH_MS = 5_000;
/** A reading that took longer serves for so many times that: it takes at most a twentieth of one connection's time. */
const FRESH_TIMES = 20;
const SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200];

/** Metrics in Prometheus' text format: of the whole installation where they come from the ledger, else of this process. */
@Injectable()
export class MetricsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly registry = new Registry();
  private readonly types = new TypeLabels();
  private readonly installation = new InstallationMetrics(this.registry, this.types);
  private read: Promise<void> | undefined;
  private freshUntil = -Infinity;

  private readonly ready = new Gauge({
    name: 'ringback_ready',
    help: "1 while this process's /health/ready is green, by what it checks",
    labelNames: ['check'],
    registers: [this.registry],
  });
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
    private readonly processes: ProcessStore,
    private readonly health: HealthService,
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
    if (performance.now() >= this.freshUntil)
      this.read ??= Promise.all([this.readInstallation(), this.readReadiness()]).then(() => {
        this.read = undefined;
      });
    await this.read;
    return this.registry.metrics();
  }

  private async readInstallation(): Promise<void> {
    const startedAt = performance.now();
    try {
      const reading = await this.ledger.read();
      const vacuum = await this.vacuum.glance();
      this.installation.show({ ...reading, vacuum, workers: (await this.processes.workers()).count });
    } catch {
      this.installation.forget();
    } finally {
      const now = performance.now();
      this.freshUntil = now + Math.max(FRESH_MS, (now - startedAt) * FRESH_TIMES);
    }
  }

  private async readReadiness(): Promise<void> {
    const checks = await this.health.checks().catch(() => ({}));
    this.ready.reset();
    for (const [check, found] of Object.entries(checks)) this.ready.set({ check }, found === 'ok' ? 1 : 0);
  }

  private readonly ended = (message: unknown): void => {
    const { type, state, durationS } = message as OperationEnded;
    this.duration.observe({ type: this.types.of(type), state }, durationS);
  };

  private readonly attempted = (message: unknown): void => {
    const { outcome, outcomeClass, durationS, latencyS } = message as AttemptMade;
    this.attempts.inc({ outcome, class: outcomeClass });
    this.attemptDuration.observe(durationS);
    if (latencyS !== null) this.latency.observe(latencyS);
  };

  private readonly grouped = (size: unknown): void => this.batches.observe(size as number);

  private histogram<Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: Label[] = [],
  ): Histogram<Label> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}
