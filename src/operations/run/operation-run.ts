import type { Readable } from 'node:stream';
import { SpanKind } from '@opentelemetry/api';
import { DatabaseUnavailableError } from '../../database/database-errors.js';
import { rideOut } from '../../database/ride-out.js';
import type { FilesService, StoredFile } from '../../files/files.service.js';
import { Step } from '../../tracing/spans.js';
import type { CompletionOffer, CompletionOffers, CompletionOptions } from '../await/completion-offers.js';
import { Suspension } from '../await/suspension.js';
import type { HistoryStore, Report } from '../read/history.store.js';
import { type OperationContext, OperationError } from './operation-context.js';
import type { Claim } from './claim.js';
import type { OperationWaits } from '../read/operation-waits.js';
import { fileNotFound, ownFault } from './own-fault.js';

/** Why a run's signal fired. */
export class RunAborted extends Error {
  override readonly name = 'RunAborted';

  constructor(override readonly cause: 'timeout' | 'canceled' | 'lease-lost' | 'shutdown') {
    super(`the run was aborted: ${cause}`);
  }
}

const FLUSH_MS = 200;
const MAX_LINE = 4_000;
const MAX_BUFFERED = 1_000;

/** What the built-in types may do besides. */
export interface RunContext extends OperationContext {
  /** Progress that is an entry of the history by itself; `progress` makes one of all steps between two records. */
  tell(percent: number, text?: string): void;
  /** How far the runs before this one have come; null where they said nothing. */
  readonly checkpoint: string | null;
  /**
   * To be returned: no worker and no memory is held for `afterS`, then the handler is run again, in the same attempt and with this
   * checkpoint (null: the one before).
   */
  goOn(afterS: number, checkpoint: string | null): Suspension;
  /** PostgreSQL's time now, or a little later. */
  now(): Date;
  /** When the time is over that the operation has for a run, and for what it waits for then. */
  readonly endsBy: Date;
  /** Of this run: whoever has another one is another run. */
  readonly leaseToken: string;
  /** Records at once what has been told, and resolves when it stands; an outage only delays it. */
  recorded(): Promise<void>;
}

/** One run of an operation in this process: its context, its abort signal and what it has told but not yet recorded. */
export class OperationRun implements RunContext {
  private readonly controller = new AbortController();
  private entries: Report['entries'][number][] = [];
  private told: Report['progress'] = null;
  private timer: NodeJS.Timeout | undefined;
  private recording: Promise<void> = Promise.resolve();
  private over = false;

  private readonly step: Step;

  constructor(
    readonly claim: Claim,
    private readonly history: HistoryStore,
    private readonly files: FilesService,
    private readonly waits: OperationWaits,
    private readonly offers: CompletionOffers,
  ) {
    const { type, traceparent, rid, attempt } = claim.operation;
    this.step = Step.start(`run ${type}`, SpanKind.CONSUMER, traceparent, {
      'ringback.operation': rid,
      'ringback.attempt': attempt,
    });
  }

  get id(): string {
    return this.claim.operation.rid;
  }

  get requestId(): string {
    return this.claim.operation.requestId;
  }

  get leaseToken(): string {
    return this.claim.leaseToken;
  }

  get checkpoint(): string | null {
    return this.claim.checkpoint;
  }

  get accountId(): string {
    return this.claim.operation.accountId;
  }

  get attempt(): number {
    return this.claim.operation.attempt;
  }

  get traceparent(): string | null {
    return this.step.traceparent;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /**
   * PostgreSQL's time now or a little later, never earlier. From its clock at the claim and this process's monotonic one: no
   * trust in the local date.
   */
  now(): Date {
    const { claimedAt, askedAt } = this.claim;
    return new Date(claimedAt.getTime() + performance.now() - askedAt);
  }

  get endsBy(): Date {
    return new Date(this.claim.claimedAt.getTime() + this.claim.operation.timeoutS * 1000);
  }

  /** Fires the handler's signal; of a run that is over nobody is left to hear it. */
  abort(cause: RunAborted['cause']): void {
    if (this.over) return;
    this.controller.abort(new RunAborted(cause));
  }

  progress(percent: number, text?: string): void {
    // Steps between two flushes are one entry, whatever was logged between them: a handler may tell every item.
    const told = this.entries.findLastIndex(({ kind }) => kind === 'progress');
    if (told !== -1 && !this.over) this.entries.splice(told, 1);
    this.tell(percent, text);
  }

  tell(percent: number, text?: string): void {
    if (this.over) return;
    const bounded = Math.min(100, Math.max(0, Number.isFinite(percent) ? percent : 0));
    const line = storable(text ?? this.claim.operation.statusText);
    this.told = { percent: bounded, text: line };
    Object.assign(this.claim.operation, { progress: bounded, statusText: line });
    this.note({ kind: 'progress', progress: bounded, text: line });
  }

  log(line: string): void {
    if (!this.over) this.note({ kind: 'log', progress: null, text: storable(line) });
  }

  recorded(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    // One after the other, so that entries stand in the order in which they were told.
    this.recording = this.recording
      .then(() => this.flush())
      .catch(() => {
        // It was kept, for the next time.
        if (!this.over) this.flushSoon();
      });
    return this.recording;
  }

  saveFile(stream: Readable, about: { name: string; contentType: string }): Promise<StoredFile> {
    return this.files
      .save(stream, {
        accountId: this.accountId,
        operationId: this.requestId,
        patience: this.signal,
        ...about,
      })
      .catch((error: unknown) => {
        // Nobody reads on: what feeds the stream, perhaps a connection, must not be left hanging.
        stream.destroy();
        throw ownFault(error) ?? error;
      });
  }

  async openFile(id: string): Promise<StoredFile & { stream: Readable }> {
    const file = await rideOut(
      () => this.files.find(this.accountId, id),
      () => this.signal.aborted,
    ).catch((error: unknown) => {
      throw ownFault(error) ?? error;
    });
    if (!file) throw fileNotFound(id);
    return {
      id: file.id,
      name: file.name,
      contentType: file.contentType,
      size: Number(file.size),
      sha256: file.sha256,
      stream: await this.files.open(file).catch((error: unknown) => {
        throw ownFault(error) ?? error;
      }),
    };
  }

  async completion(options: CompletionOptions = {}): Promise<CompletionOffer> {
    const { claim } = this;
    const leftS = claim.operation.timeoutS - (performance.now() - claim.askedAt) / 1000;
    const offer = await this.offers.offer(claim, options, leftS, () => this.signal.aborted);
    if (offer) return offer;
    this.abort('lease-lost');
    throw this.signal.reason;
  }

  untilCompleted(): Suspension {
    return Suspension.untilCompleted();
  }

  goOn(afterS: number, checkpoint: string | null): Suspension {
    return Suspension.goOn(afterS, checkpoint);
  }

  fail(code: string, message: string): never {
    throw new OperationError(code, message);
  }

  /**
   * Records what is still buffered; nothing is taken afterwards. `fault` says what went wrong in the run. An outage is ridden
   * out until `giveUp`.
   */
  async finish(fault: string | null, giveUp: () => boolean): Promise<void> {
    this.over = true;
    this.step.end({}, fault);
    clearTimeout(this.timer);
    await this.recording;
    // A run that failed hasn't come to 100: it ends with what was told last, perhaps to another process.
    await rideOut(() => this.flush(fault !== null), giveUp).catch(() => undefined);
  }

  private note(entry: Report['entries'][number]): void {
    if (this.entries.length >= MAX_BUFFERED) return;
    this.entries.push(entry);
    this.flushSoon();
  }

  private flushSoon(): void {
    this.timer ??= setTimeout(() => void this.recorded(), FLUSH_MS);
  }

  /** Records what was told; in an outage it is kept, and the outage thrown. */
  private async flush(always = false): Promise<void> {
    if (this.entries.length === 0 && !always) return;
    const { entries, told } = this;
    this.entries = [];
    this.told = null;
    const { requestId } = this;
    const { leaseToken } = this.claim;
    const stands = await this.history
      .record({ requestId, leaseToken, progress: told, entries })
      .catch((error: unknown) => {
        if (!(error instanceof DatabaseUnavailableError)) return this.claim.operation.progress;
        this.entries.unshift(...entries);
        this.told ??= told;
        throw error;
      });
    if (stands === null) return this.abort('lease-lost');
    if (this.told === null) this.claim.operation.progress = stands;
    if (entries.length > 0) this.waits.grew(requestId);
  }
}

/** PostgreSQL's text holds neither NUL nor lone surrogates. */
export function storable(text: string, most = MAX_LINE): string {
  return text.slice(0, most).replaceAll('\u0000', '\ufffd').toWellFormed();
}
