import type { Delivery } from './types.js';

/** An attempt as the log has it. */
export interface Attempt {
  readonly id: string;
  readonly number: number;
  readonly trigger: string;
  readonly outcome: 'started' | 'delivered' | 'failed' | 'unknown';
  readonly started_at: string;
  readonly duration_ms: number | null;
  readonly phases_ms: Readonly<Record<string, number | null>> | null;
  readonly http_status: number | null;
  readonly error: string | null;
  readonly detail?: string;
  readonly request_headers: Readonly<Record<string, string>> | null;
  readonly response_headers: Readonly<Record<string, unknown>> | null;
  readonly response_body: string | null;
  readonly response_truncated: boolean | null;
  readonly resent?: boolean;
  readonly retry_after_s: number | null;
  readonly next_attempt_at: string | null;
}

/** A delivery with its bytes and its log. */
export interface DeliveryDetails extends Delivery {
  readonly body: string;
  readonly signing_fingerprints: readonly string[];
  readonly attempts: readonly Attempt[];
}
