export class LiveResponse {
  status: 'ok';
}

export class ReadyResponse {
  status: 'ok' | 'unavailable';
  /** `ok`, or what is wrong and the remedy, per part. */
  checks: Record<string, string>;
}
