import { boolean, number, setting } from '../settings.js';
import { sliceOf } from '../slice.js';

const SETTINGS = {
  requestsPerHour: setting(
    'RINGBACK_TRM_REQUESTS_PER_HOUR',
    '1000',
    'Requests an account may make an hour on the trm face, counted per process; auth calls are free. They come back evenly: of 1000, one every 3.6 s. A client that polls every 2 s alone makes 1800.',
    number(1, 10_000_000),
  ),
  strict: setting(
    'RINGBACK_TRM_STRICT',
    'false',
    'Refuse fields that an operation type, or a route of the trm face, does not have. Otherwise they are ignored there: its clients send more than is needed.',
    boolean,
  ),
  zeroId: setting(
    'RINGBACK_TRM_ZERO_ID',
    'false',
    'Show `requestid` 0 for ended operations of the trm face on poll and in callbacks too, not only in inline answers.',
    boolean,
  ),
};

/** The trm face. */
export abstract class TrmConfig extends sliceOf(SETTINGS) {
  /** Seconds after its last use when an auth token ends. */
  abstract readonly tokenIdleS: number;
}
