import { boolean, number, retentionClasses, setting } from '../settings.js';
import { sliceOf } from '../slice.js';
import { TIMING } from './timing.js';

/** The largest body of a callback that can be asked for, bytes. */
export const MAX_THIN_OVER = 16_777_216;

const SETTINGS = {
  concurrency: setting(
    'RINGBACK_CONCURRENCY',
    '50',
    'Operations that run at once in this process.',
    number(1, 10_000),
  ),
  polls: setting(
    'RINGBACK_JOB_POLLS',
    '64',
    'Polls of jobs of other APIs (`poll` of `http.request` and of the gateway) that are under way at once in this process, half of them to one origin.',
    number(2, 1_000),
  ),
  pollMinS: setting(
    'RINGBACK_JOB_POLL_MIN_S',
    '1',
    'Seconds between the polls of a job at least: a smaller `every_s` is refused.',
    number(0.01, 3_600, false),
  ),
  ...TIMING,
  ackByPoll: setting(
    'RINGBACK_ACK_BY_POLL',
    'false',
    "Default of `ack_by_poll`: a caller that has read how its operation ended needs no callback of it any more, so reading that ends the callback's attempts.",
    boolean,
  ),
  thinOver: setting(
    'RINGBACK_THIN_OVER',
    '262144',
    "Bytes: a larger body of a callback leaves `result` out, and says so by `result_omitted`; `links.result` has it. `thin_over` of an endpoint or of an operation's callback goes before.",
    number(0, MAX_THIN_OVER),
  ),
  cancelGraceS: setting(
    'RINGBACK_CANCEL_GRACE_S',
    '5',
    'Seconds that a running handler gets to stop after its AbortSignal fired because its operation is canceled; then it is Canceled all the same.',
    number(0, 600, false),
  ),
  heldPerAccount: setting(
    'RINGBACK_HELD_PER_ACCOUNT',
    '200',
    'Answers that an account may have held at once in this process: `wait`, `Prefer: wait`, history streams and feeds. Beyond it the answer comes at once, with Retry-After.',
    number(0, 100_000),
  ),
  heartbeatS: setting(
    'RINGBACK_HEARTBEAT_S',
    '15',
    'Seconds between the heartbeats of a history stream, and of a feed.',
    number(0.05, 3600, false),
  ),
  /** Retention class → seconds. */
  retention: setting(
    'RINGBACK_RETENTION',
    'keep1d=1d,keep1w=7d,keep1m=30d',
    'Retention classes and how long each keeps the input and the result of an ended operation; `keep1m` is the default class, and that of uploads.',
    retentionClasses,
  ),
};

/** The engine's timings and limits for operations. Durations are seconds unless the name says ms. */
export abstract class OperationConfig extends sliceOf(SETTINGS) {}
