/** IMF-fixdate, RFC 850 and asctime dates all begin so (RFC 9110, 5.6.7); `Date.parse` alone takes almost anything. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/** Far beyond what is honoured, and what the log's integer column can hold: 68 years. */
const MAX_RETRY_AFTER_S = 2 ** 31 - 1;

/** Seconds from `now` that a `Retry-After` asks for, in either of its forms (RFC 9110, 10.2.3); null where it asks for nothing. */
export function retryAfterOf(header: string | undefined, now: Date): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(MAX_RETRY_AFTER_S, Number(text));
  if (!HTTP_DATE.test(text)) return null;
  // asctime names no zone and means UTC.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  const aheadS = Math.ceil((at - now.getTime()) / 1000);
  return Number.isNaN(at) ? null : Math.min(MAX_RETRY_AFTER_S, Math.max(0, aheadS));
}
