/** A quota, and what is left of it. */
export interface QuotaState {
  readonly name: string;
  readonly quota: number;
  readonly left: number;
  /** Seconds until more is left. */
  readonly resetS: number;
  /** Seconds that the quota is for; none for what is no rate. */
  readonly windowS?: number | undefined;
  /** What is counted, where it isn't requests. */
  readonly unit?: 'content-bytes' | undefined;
}

/** The fields of draft-ietf-httpapi-ratelimit-headers (version 10): what is allowed, and what is left of it. */
export function rateLimitFields({ name, quota, left, resetS, windowS, unit }: QuotaState): {
  'ratelimit-policy': string;
  ratelimit: string;
} {
  const window = windowS === undefined ? '' : `;w=${windowS}`;
  const counted = unit === undefined ? '' : `;qu="${unit}"`;
  return {
    'ratelimit-policy': `"${name}";q=${quota}${window}${counted}`,
    ratelimit: `"${name}";r=${Math.floor(left)};t=${resetS}`,
  };
}
