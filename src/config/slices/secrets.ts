import { parseSecretKeys } from '../secret-keys.js';
import { boolean, optional, parsable, setting } from '../settings.js';
import { sliceOf } from '../slice.js';

const SETTINGS = {
  sealBodies: setting(
    'RINGBACK_SEAL_BODIES',
    'false',
    'Store the bodies of `http.request`, of messages of the QStash face and of requests in the background at the gateway encrypted too, with RINGBACK_SECRET_KEYS. Headers, queries and batches always are.',
    boolean,
  ),
};

const ASKED = {
  keys: optional(
    'RINGBACK_SECRET_KEYS',
    'made once when the database is embedded',
    'Keys that encrypt signing secrets, callback headers, client certificates and what else docs/security.md names at rest: `id:base64(32 bytes),…`. The first one encrypts, all decrypt.',
    parsable(parseSecretKeys),
  ),
};

/** What is encrypted at rest, and with which keys. */
export abstract class SecretConfig extends sliceOf(SETTINGS, ASKED) {
  /** As RINGBACK_SECRET_KEYS holds them. */
  abstract readonly keys: string;
}
