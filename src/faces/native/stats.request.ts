import { IsIn, IsOptional } from 'class-validator';
import { IsAccount } from '../../accounts/whose.js';
import type { FieldError } from '../../config/validation.js';
import { ApiDetail } from '../../http/api-properties.js';
import { dateOf, IsInstant } from '../../http/instant.js';
import { Problem } from '../../http/problem.js';
import { MINUTES_KEPT_S, type StatsRange } from '../../operations/stats/stats.store.js';

const DAY_MS = 86_400_000;
/** Two days of minutes, four months of hours. */
const MAX_BUCKETS = 2_882;

export class StatsQuery {
  /** From this time on (RFC 3339); a day before `to` by default. */
  @IsOptional()
  @IsInstant()
  from?: string;

  /** Before this time (RFC 3339); now by default. */
  @IsOptional()
  @IsInstant()
  to?: string;

  /** Seconds of a bucket: 60, 3600 (the default) or 86400. Buckets begin at whole minutes, hours or days in UTC. */
  @IsOptional()
  @ApiDetail({ type: 'integer', enum: undefined })
  @IsIn(['60', '3600', '86400'], { message: 'step must be 60, 3600 or 86400 seconds' })
  step?: '60' | '3600' | '86400';

  @IsOptional()
  @IsAccount()
  account?: string;
}

/** The whole buckets that the query's time span touches. */
export function rangeOf(query: StatsQuery, accountId: string | null, now: Date): StatsRange {
  const step = Number(query.step ?? 3600) as StatsRange['step'];
  const to = dateOf(query.to) ?? now;
  const from = dateOf(query.from) ?? new Date(to.getTime() - DAY_MS);
  const ms = step * 1000;
  const range = {
    accountId,
    step,
    from: new Date(Math.floor(from.getTime() / ms) * ms),
    to: new Date(Math.ceil(to.getTime() / ms) * ms),
  };
  if (from >= to) throw refused({ path: 'from', message: 'must be before to' });
  if ((range.to.getTime() - range.from.getTime()) / ms > MAX_BUCKETS)
    throw refused({
      path: 'step',
      message: `makes more than ${MAX_BUCKETS} buckets of this time: take a larger step, or a shorter time`,
    });
  if (step === 60 && from.getTime() < now.getTime() - MINUTES_KEPT_S * 1000)
    throw refused({
      path: 'from',
      message: 'reaches back more than 48 hours, for which minutes are kept: take step 3600',
    });
  return range;
}

function refused(error: FieldError): Problem {
  return new Problem(400, 'invalid-query', `${error.path}: ${error.message}`, { errors: [error] });
}
