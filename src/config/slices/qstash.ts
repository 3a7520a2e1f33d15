import { oneOf, setting } from '../settings.js';
import { sliceOf } from '../slice.js';

const SETTINGS = {
  callbacks: setting(
    'RINGBACK_QSTASH_CALLBACKS',
    'once',
    "When `Upstash-Callback` of a message is called: `once`, when the message has been delivered or has failed for good, or `per-attempt`, after each attempt as Upstash's own service does.",
    oneOf('once', 'per-attempt'),
  ),
};

/** The qstash face. */
export abstract class QstashConfig extends sliceOf(SETTINGS) {}
