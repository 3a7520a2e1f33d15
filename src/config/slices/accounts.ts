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
};

const ASKED = {
  firstKey: optional(
    'RINGBACK_API_KEY',
    'made and printed once; with the embedded database it is also in `first-key` in RINGBACK_DATA_DIR',
    'The first admin key: `rb_` and at least 24 more characters.',
    apiKey,
  ),
};

/** Accounts' defaults and the first admin key. */
export abstract class AccountConfig extends sliceOf(SETTINGS, ASKED) {
  /** Without one, a key is made when the database has none; null makes none. */
  abstract readonly firstKey: string | undefined | null;
}
