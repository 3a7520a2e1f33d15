import { parseRetrySchedule } from '../retry-schedule.js';
import { duration, number, setting } from '../settings.js';
import { sliceOf } from '../slice.js';
import { TIMING } from './timing.js';

const SETTINGS = {
  concurrency: setting(
    'RINGBACK_DELIVERY_CONCURRENCY',
    '100',
    'Callback attempts in flight at once in this process. Those that only wait for slow, silent or unproven receivers are not counted, up to 10 times as many.',
    number(1, 10_000),
  ),
  originInFlight: setting(
    'RINGBACK_ORIGIN_IN_FLIGHT',
    '10',
    'Callback attempts, and as many requests of `http.request`, in flight at once to one origin (scheme, host and port), over all processes. Where several receivers are at one origin, a part is kept for those that answer.',
    number(1, 10_000),
  ),
  ...TIMING,
  timeoutS: setting(
    'RINGBACK_CALLBACK_TIMEOUT_S',
    '15',
    'Seconds for one callback attempt, the response body included.',
    number(0.05, 600, false),
  ),
  deadlineS: setting(
    'RINGBACK_DELIVERY_DEADLINE_S',
    '604800',
    'Seconds after which no further attempt of a delivery is planned, whatever made it late; the time that it is paused is not counted, and a schedule that is longer has its own length.',
    number(1, 31_622_400, false),
  ),
  /** Seconds before attempt 2, 3, … */
  schedule: setting(
    'RINGBACK_RETRY_SCHEDULE',
    '5,300,1800,7200,18000,36000,50400,72000,86400',
    'Seconds before callback attempt 2, 3, …, each ± 20 %; fractions allowed.',
    parseRetrySchedule,
  ),
  pullIdleS: setting(
    'RINGBACK_PULL_IDLE',
    '7d',
    'How long nobody may ask at a pull endpoint until it is disabled (units s, m, h, d). Ephemeral ones are deleted after a time of their own.',
    duration,
  ),
};

/** The engine's timings and limits for callbacks. Durations are seconds unless the name says ms. */
export abstract class DeliveryConfig extends sliceOf(SETTINGS) {}
