import { number, optional, setting, SettingError } from '../settings.js';
import { sliceOf } from '../slice.js';

/** Less can be guessed by whoever may try for long. */
const MIN_KEY_BITS = 60;

function apiKey(value: string): string {
  const text = /^rb_([A-Za-z0-9_-]{24,200})$/.exec(value)?.[1];
  if (text === undefined) throw refusedKey('it must be rb_ and at least 24 more letters, digits, _ or -');
  if (bitsOf(text) < MIN_KEY_BITS)
    throw refusedKey('it is too easy to guess, since its characters vary too little');
  return value;
}

function refusedKey(complaint: string): SettingError {
  return new SettingError(
    (named) => `${complaint}; make one: ${named('RINGBACK_API_KEY')}="rb_$(openssl rand -hex 24)"`,
  );
}

/** What a text is worth at most as a secret: its characters' entropy, for as many as are no repetition of what stands before. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / text.length);
  const entropy = shares.reduce((sum, share) => sum - share * Math.log2(share), 0);
  const pairs = new Set(Array.from(text.slice(1), (character, at) => text[at]! + character));
  return entropy * (pairs.size + 1);
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
  schedulesPerAccount: setting(
    'RINGBACK_SCHEDULES_PER_ACCOUNT',
    '1000',
    'Schedules that an account may have.',
    number(0, 1_000_000),
  ),
};

const ASKED = {
  firstKey: optional(
    'RINGBACK_API_KEY',
    'made and printed once, but never in production; with the embedded database it is also in `first-key` in RINGBACK_DATA_DIR',
    'An admin key, valid as long as it is set: `rb_` and at least 24 more characters that are hard to guess. Whatever it was before ends when a process with the role `api` starts.',
    apiKey,
  ),
};

/** Accounts' defaults and the first admin key. */
export abstract class AccountConfig extends sliceOf(SETTINGS, ASKED) {
  /** Without one, a key is made when the database has none; null makes none. */
  abstract readonly firstKey: string | undefined | null;
  /** Wrong credentials that one address may send a minute, per process. */
  abstract readonly triesPerMinute: number;
  /** Logins to the console that one address may fail a minute, per process. */
  abstract readonly loginsPerMinute: number;
}
