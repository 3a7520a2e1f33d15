/** Numbers and times as people read them; pure. */

const NUMBER = new Intl.NumberFormat('en');
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export function count(value: number): string {
  return NUMBER.format(value);
}

/** At most five characters. */
export function compact(value: number): string {
  return COMPACT.format(value);
}

/** `1 operation`, `2 operations`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A span in its largest unit, and the next one where that says more: `2 h 5 min`, `850 ms`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1).replace(/\.0$/, '')} s`;
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[at]!;
  const whole = Math.floor(ms / size);
  const next = UNITS[at + 1];
  if (next === undefined || whole >= 10) return `${whole} ${unit}`;
  const rest = Math.floor((ms - whole * size) / next[1]);
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${next[0]}`;
}

/** How long ago, or in how long: `12 s ago`, `in 3 min`. */
export function relative(at: number, now: number): string {
  const ms = now - at;
  const unit = UNITS.find(([, size]) => Math.abs(ms) >= size);
  // Clocks of two machines differ by about that much.
  if (unit === undefined) return 'now';
  const text = `${Math.floor(Math.abs(ms) / unit[1])} ${unit[0]}`;
  return ms > 0 ? `${text} ago` : `in ${text}`;
}

/** `2026-01-31 12:00:00.123 UTC` */
export function utc(at: string): string {
  return `${new Date(at).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const at = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** at).toFixed(1).replace(/\.0$/, '')} ${['B', 'KiB', 'MiB', 'GiB'][at]}`;
}

/** An id that is known by its end, such as `dlv_…3f2a9c01`: ids that were made together begin alike. */
export function shortId(id: string): string {
  const [, prefix = '', rest = id] = /^([a-z]+_)?(.*)$/.exec(id)!;
  return rest.length <= 10 ? id : `${prefix}…${rest.slice(-8)}`;
}
