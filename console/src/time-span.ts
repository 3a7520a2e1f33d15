/** A span of time in buckets, seconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly step: 60 | 3600 | 86_400;
}

const STEPS = [60, 3600, 86_400] as const;
/** Bars that can be told apart. */
const MAX_BARS = 120;

/** The span with the finest step that makes few enough bars, whole buckets at both ends. */
export function spanOf(from: number, to: number): Span {
  const step = STEPS.find((size) => (to - from) / size <= MAX_BARS) ?? 86_400;
  return { from: Math.floor(from / step) * step, to: Math.ceil(to / step) * step, step };
}

/** The last seconds until now; the same for a whole bucket, so that what was read is used again. */
export function last(seconds: number, now = Date.now() / 1000): Span {
  return spanOf(now - seconds, now);
}
