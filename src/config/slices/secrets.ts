import { parseSecretKeys } from '../secret-keys.js';
import { optional, parsable } from '../settings.js';
import { sliceOf } from '../slice.js';

const ASKED = {
  keys: optional(
    'RINGBACK_SECRET_KEYS',
    'made once when the database is embedded',
    'Keys that encrypt signing secrets, callback headers and client certificates at rest: `id:base64(32 bytes),…`. The first one encrypts, all decrypt.',
    parsable(parseSecretKeys),
  ),
};

/** Keys that encrypt at rest, as RINGBACK_SECRET_KEYS holds them. */
export abstract class SecretConfig extends sliceOf({}, ASKED) {
  abstract readonly keys: string;
}
