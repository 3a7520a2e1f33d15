import { boolean, number, setting } from '../settings.js';

/** When the engine looks after its rows: the same for operations and for deliveries. */
export const TIMING = {
  /** Whether what has room begins in the commit that makes it, without a dispatch. */
  fastStart: setting(
    'RINGBACK_FAST_START',
    'true',
    'Whether an operation gets its slot when it is accepted and a callback its first attempt when its operation ends, where there is room and nobody waits; `false`: all of them wait for the dispatcher.',
    boolean,
  ),
  leaseS: setting(
    'RINGBACK_LEASE_S',
    '30',
    'Seconds until the work of a worker that went silent is given to another; at least RINGBACK_CALLBACK_TIMEOUT_S + 5.',
    number(0.5, 3600, false),
  ),
  redispatchS: setting(
    'RINGBACK_REDISPATCH_S',
    '15',
    'Seconds until a hint counts as lost and is sent again: for operations 3 at the most where no job waits in the queue, and four times as many while some do.',
    number(0.1, 3600, false),
  ),
  pollMs: setting(
    'RINGBACK_POLL_MS',
    '750',
    'How often the dispatchers look for due rows when nothing wakes them, in milliseconds, ± 25 %: one alone, or about all workers together.',
    number(10, 60_000),
  ),
};
