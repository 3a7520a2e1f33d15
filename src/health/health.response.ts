export class LiveResponse {
  status: 'ok';
}

export class ReadyResponse {
  status: 'ok' | 'unavailable';
  /** `ok`, or what is wrong and the remedy, per part; `workers` is there where none runs, and makes nothing unavailable. */
  checks: Record<string, string>;
}
