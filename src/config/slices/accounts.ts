import { number, optional, setting, SettingError } from '../settings.js';
import { sliceOf } from '../slice.js';

function apiKey(value: string): string {
  if (!/^rb_[A-Za-z0-9_-]{24,200}$/.test(value)) {
    throw new SettingError('it must be rb_ and at least 24 more letters, digits, _ or -');
  }
  return value;
}

const SETTINGS = {
  slots: setting(
    'RINGBACK_SLOTS',
    '20',
    'Default slots of an account: how many of its operations may be Executing at once, over all processes.',
    number(1, 100_000),
  ),
  quotaBytes: setting(
    'RINGBACK_QUOTA_BYTES',
    '0',
    'Bytes that an account may have stored: files, inputs, results and the bodies of callbacks. Beyond it submits and uploads are answered 413 `quota-bytes`; 0 takes any. An account may have its own (`quota_bytes`), as of the next two settings.',
    number(0, Number.MAX_SAFE_INTEGER),
  ),
  quotaWaiting: setting(
    'RINGBACK_QUOTA_WAITING',
    '0',
    'Operations that an account may have Waiting. Beyond it submits are answered 429 `quota-waiting`; 0 takes any.',
    number(0, 2_147_483_647),
  ),
  requestsPerS: setting(
    'RINGBACK_REQUESTS_PER_S',
    '0',
    'Requests that an account may make a second, counted per process; fractions allowed. Beyond it they are answered 429 `rate-limited`; 0 takes any.',
    number(0, 1_000_000, false),
  ),
};

const ASKED = {
  firstKey: optional(
    'RINGBACK_API_KEY',
    'made and printed once, but never in production; with the embedded database it is also in `first-key` in RINGBACK_DATA_DIR',
    'The first admin key: `rb_` and at least 24 more characters.',
    apiKey,
  ),
};

/** Accounts' defaults and the first admin key. */
export abstract class AccountConfig extends sliceOf(SETTINGS, ASKED) {
  /** Without one, a key is made when the database has none; null makes none. */
  abstract readonly firstKey: string | undefined | null;
  /** Wrong credentials that one address may send a minute, per process. */
  abstract readonly triesPerMinute: number;
}
