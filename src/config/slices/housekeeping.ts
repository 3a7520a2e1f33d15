import { duration, number, setting } from '../settings.js';
import { sliceOf } from '../slice.js';

const SETTINGS = {
  historyS: setting(
    'RINGBACK_HISTORY_RETENTION',
    '90d',
    'How long after its end an operation is known at all: then, or at most a third of that and 30 days later, its record, history, deliveries and attempts are deleted (units s, m, h, d). Never sooner than its retention class says.',
    duration,
  ),
  auditS: setting(
    'RINGBACK_AUDIT_RETENTION',
    '365d',
    'How long an entry of the audit is kept (units s, m, h, d).',
    duration,
  ),
  everyS: setting(
    'RINGBACK_HOUSEKEEPING_S',
    '60',
    'Seconds between two rounds of housekeeping, which deletes what has expired. One process at a time does it.',
    number(0.05, 86_400, false),
  ),
};

/** What is deleted when. */
export abstract class HousekeepingConfig extends sliceOf(SETTINGS) {}
