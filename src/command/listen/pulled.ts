import type { Transport } from '../../client/transport.js';

/** A delivery as its POST would be. */
export interface Pulled {
  /** Its `webhook-id`. */
  readonly id: string;
  readonly attempt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the log is told of an attempt. */
export interface Ack {
  readonly id: string;
  readonly attempt: number;
  readonly ok: boolean;
  readonly error?: string;
  readonly http_status?: number;
}

/** Seconds that a pull is held; proxies often cut off what is silent for 30 s. */
const HOLD_S = 25;
/** Acknowledgements that one request takes. */
const MOST_ACKS = 500;
/** Those of deliveries that end together go together. */
const GATHER_MS = 5;

/** Leases what waits at a pull endpoint, `most` at the most; held until there is something, never for long. */
export async function pull(
  api: Transport,
  endpointId: string,
  { most, leaseS }: { most: number; leaseS: number },
  signal: AbortSignal,
): Promise<readonly Pulled[]> {
  const { data } = await api.json<{ data: readonly Pulled[] }>({
    method: 'GET',
    path: `/v1/endpoints/${encodeURIComponent(endpointId)}/pull`,
    query: { wait: HOLD_S, limit: most, lease_s: leaseS },
    signal,
    // Whoever pulls tries again by itself.
    repeatable: false,
    heldMs: HOLD_S * 1000,
  });
  return data;
}

interface Waiting {
  readonly ack: Ack;
  readonly told: (result: string) => void;
  readonly failed: (error: unknown) => void;
}

/** Sends acknowledgements, those of the same time together. */
export class Acks {
  private waiting: Waiting[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** Their requests end when `abandon` fires. */
  constructor(
    private readonly api: Transport,
    private readonly endpointId: string,
    private readonly abandon: AbortSignal,
  ) {}

  /** What became of it: `acked`, `nacked`, `late` or `unknown`. Repeated as the transport does: to say it twice is harmless. */
  send(ack: Ack): Promise<string> {
    return new Promise((told, failed) => {
      this.waiting.push({ ack, told, failed });
      this.timer ??= setTimeout(() => void this.flush(), GATHER_MS);
    });
  }

  private async flush(): Promise<void> {
    this.timer = undefined;
    const together = this.waiting.splice(0, MOST_ACKS);
    if (this.waiting.length > 0) this.timer = setTimeout(() => void this.flush(), 0);
    try {
      const { data } = await this.api.json<{ data: readonly { result: string }[] }>({
        method: 'POST',
        path: `/v1/endpoints/${encodeURIComponent(this.endpointId)}/acks`,
        body: { acks: together.map(({ ack }) => ack) },
        signal: this.abandon,
        repeatable: true,
      });
      for (const [index, { told }] of together.entries()) told(data[index]?.result ?? 'unknown');
    } catch (error) {
      for (const { failed } of together) failed(error);
    }
  }
}
