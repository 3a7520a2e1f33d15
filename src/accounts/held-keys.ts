import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { OperationConfig } from '../config/config.js';
import { Problem } from '../http/problem.js';
import { AccountStore } from './account.store.js';

/** Why an answer was let go: the key that asked for it is revoked or has expired. */
class KeyEndedError extends Error {
  override readonly name = 'KeyEndedError';
}

/** Looks at the keys of held answers again at every heartbeat: a stream must not outlive the key that opened it. */
@Injectable()
export class HeldKeys implements OnModuleDestroy {
  private readonly held = new Map<string, Set<AbortController>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: AccountStore,
    private readonly config: OperationConfig,
  ) {}

  /** Fires with `until`, which is when the answer is out or its caller has gone, and when the key has ended. */
  watch(keyId: string, until: AbortSignal): AbortSignal {
    if (until.aborted) return until;
    const answer = new AbortController();
    const answers = this.held.get(keyId) ?? new Set();
    this.held.set(keyId, answers.add(answer));
    until.addEventListener(
      'abort',
      () => {
        answers.delete(answer);
        if (answers.size === 0 && this.held.get(keyId) === answers) this.held.delete(keyId);
        answer.abort(until.reason);
      },
      { once: true },
    );
    this.timer ??= setInterval(() => void this.look(), this.config.heartbeatS * 1000).unref();
    return answer.signal;
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.held.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    const keyIds = [...this.held.keys()];
    // In an outage nobody can tell: the next look.
    const valid = await this.store.validKeys(keyIds).catch(() => new Set(keyIds));
    for (const keyId of keyIds) {
      if (valid.has(keyId)) continue;
      for (const answer of this.held.get(keyId) ?? []) answer.abort(new KeyEndedError());
      this.held.delete(keyId);
    }
  }
}

/** Refuses to answer one whose key has ended while the answer was held. */
export function checkHeld(signal: AbortSignal): void {
  if (signal.reason instanceof KeyEndedError)
    throw new Problem(401, 'unauthorized', 'this API key has been revoked or has expired', {
      headers: { 'www-authenticate': 'Bearer' },
    });
}
