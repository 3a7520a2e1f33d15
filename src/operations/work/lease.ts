/** A lease of a remote worker, and what it is called on the wire. */
export interface WorkLease {
  readonly requestId: string;
  readonly leaseToken: string;
  /** Seconds that each renewal keeps it. */
  readonly leaseS: number;
}

const LEASE = /^lse_([1-9]\d{0,17})_(\d{1,4}(?:\.\d{1,3})?)_([0-9a-f]{32})$/;

/** Names everything that is needed to renew or settle; nobody guesses the token. */
export function leaseName({ requestId, leaseToken, leaseS }: WorkLease): string {
  return `lse_${requestId}_${leaseS}_${leaseToken.replaceAll('-', '')}`;
}

/** The lease of that name; null where no lease has such a name. */
export function leaseNamed(name: string): WorkLease | null {
  const [, requestId, leaseS, token] = LEASE.exec(name) ?? [];
  if (requestId === undefined || token === undefined) return null;
  const leaseToken = token.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { requestId, leaseToken, leaseS: Number(leaseS) };
}
