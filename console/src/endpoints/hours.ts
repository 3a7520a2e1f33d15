import type { EndpointHourResponse } from '../api-types.js';

const HOUR_MS = 3_600_000;

/** The last hours up to now, oldest first, also those in which nothing was sent. */
export function lastHours(
  hours: readonly EndpointHourResponse[],
  now: number,
  count = 24,
): EndpointHourResponse[] {
  const known = new Map(hours.map((hour) => [Date.parse(hour.hour), hour]));
  const current = Math.floor(now / HOUR_MS) * HOUR_MS;
  return Array.from({ length: count }, (_, index) => {
    const at = current - (count - 1 - index) * HOUR_MS;
    return known.get(at) ?? { hour: new Date(at).toISOString(), succeeded: 0, failed: 0, p95_ms: null };
  });
}
