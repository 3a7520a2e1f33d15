import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { OperationReads } from './operation-reads.store.js';

/** How often callers that wait are checked against the rows, for ends that other processes made. */
const RECHECK_MS = 250;

/** Lets callers wait for the end of an operation: woken at once by ends in this process, else by a shared re-check. */
@Injectable()
export class OperationWaits implements OnApplicationShutdown {
  private readonly waiting = new Map<string, Set<() => void>>();
  private readonly listeners: ((requestId: string) => void)[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly reads: OperationReads) {}

  /** Resolves when the operation has ended, after `ms`, or when the caller has gone: look at the row to know. */
  async wait(requestId: string, ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0 || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        this.forget(requestId, done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
      const others = this.waiting.get(requestId);
      if (others) others.add(done);
      else this.waiting.set(requestId, new Set([done]));
      this.timer ??= setTimeout(() => void this.recheck(), RECHECK_MS).unref();
    });
  }

  /** Hears of every end that this process makes or finds. */
  onEnded(listener: (requestId: string) => void): void {
    this.listeners.push(listener);
  }

  /** Tells that an operation has ended. */
  ended(requestId: string): void {
    for (const listener of this.listeners) listener(requestId);
    for (const done of [...(this.waiting.get(requestId) ?? [])]) done();
  }

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
    for (const requestId of [...this.waiting.keys()]) this.ended(requestId);
  }

  private forget(requestId: string, done: () => void): void {
    const others = this.waiting.get(requestId);
    others?.delete(done);
    if (others?.size === 0) this.waiting.delete(requestId);
  }

  private async recheck(): Promise<void> {
    try {
      for (const requestId of await this.reads.ended([...this.waiting.keys()])) this.ended(requestId);
    } catch {
      // An outage: callers wait on, until their time is up.
    } finally {
      this.timer =
        this.waiting.size > 0 ? setTimeout(() => void this.recheck(), RECHECK_MS).unref() : undefined;
    }
  }
}
