import { boolean, setting } from '../settings.js';
import { sliceOf } from '../slice.js';

const SETTINGS = {
  isOn: setting(
    'RINGBACK_CONSOLE',
    'true',
    'Serve the console at `/console`, where the role is `api`. Inside another application it is off unless the option `console` is true.',
    boolean,
  ),
};

/** The pages for people. */
export abstract class ConsoleConfig extends sliceOf(SETTINGS) {
  /** Where they were built to. */
  abstract readonly folder: string;
  /** Whether this process receives callbacks itself, for those who try things out. */
  abstract readonly inbox: boolean;
  /** Seconds after which a session ends in which nothing was asked. */
  abstract readonly idleS: number;
  /** Seconds that a session lasts at most. */
  abstract readonly sessionS: number;
  /** Seconds that a printed link can be used, once. */
  abstract readonly linkS: number;
}
