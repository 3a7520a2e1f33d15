import { EventEmitter, once } from 'node:events';
import { inspect } from 'node:util';
import type { OperationFact } from '../chaos/facts.js';
import type { Violation } from '../chaos/oracle.js';
import { RingbackClient } from '../../src/client/index.js';

/** How long the last ends may be on their way. */
const LAST_MS = 10_000;

/** Hears what happens from one process, over its restarts, and whether it heard of every end. */
export class FeedReader {
  private readonly heard = new Set<string>();
  private readonly events = new EventEmitter();
  private resets = 0;
  private failed: unknown;
  private readonly over = new AbortController();
  private readonly reading: Promise<void>;

  constructor(
    private readonly url: string,
    key: string,
  ) {
    this.reading = this.read(new RingbackClient({ url, apiKey: key })).catch((error: unknown) => {
      if (!this.over.signal.aborted) this.failed = error;
    });
  }

  /** Ends it, and answers what it should have heard. */
  async missed(operations: readonly OperationFact[]): Promise<Violation[]> {
    const left = (): OperationFact[] => operations.filter(({ id }) => !this.heard.has(id));
    const late = AbortSignal.timeout(LAST_MS);
    while (left().length > 0 && !late.aborted)
      await once(this.events, 'ended', { signal: late }).catch(() => undefined);
    this.over.abort();
    await this.reading;
    const faults = left().map(({ id }) => ({ kind: 'not-in-feed', id, detail: `of ${this.url}` }));
    if (this.resets > 0)
      faults.push({ kind: 'feed-reset', id: '-', detail: `${this.resets} times, of ${this.url}` });
    if (this.failed !== undefined)
      faults.push({ kind: 'feed-failed', id: '-', detail: inspect(this.failed) });
    return faults;
  }

  private async read(client: RingbackClient): Promise<void> {
    for await (const event of client.feed({ account: '*', after: 0, signal: this.over.signal })) {
      if (event.kind === 'operation.ended') {
        this.heard.add(event.operation.id);
        this.events.emit('ended');
      } else if (event.kind === 'reset') this.resets++;
    }
  }
}
