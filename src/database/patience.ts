import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { SettingError } from '../config/settings.js';
import { asDatabaseError, DatabaseUnavailableError, messageOf, sqlState } from './database-errors.js';

const AGAIN_MS = 1_000;
/** How often a server that refuses the user, the password or the database is asked again: it may be about to be set up. */
const MAX_REFUSALS = 30;
/** Invalid authorization, a database that isn't there, or that takes no connections. */
const REFUSAL = /^(28|3D|55000)/;

/**
 * Does a step of the boot again each second while PostgreSQL is away, however long that is: it may begin later, or anew. Says so
 * once. The step may have been done without an answer, so it must bear being repeated.
 */
export async function patiently<T>(step: () => Promise<T>): Promise<T> {
  const logger = new Logger('Boot');
  let told = false;
  for (let refusals = 0; ;) {
    try {
      const result = await step();
      if (told) logger.log('PostgreSQL is there');
      return result;
    } catch (error) {
      const refused = REFUSAL.test(sqlState(error) ?? '');
      if (refused && ++refusals >= MAX_REFUSALS)
        throw new SettingError(
          `DATABASE_URL: PostgreSQL refuses the connection: ${messageOf(error)}; check the user, the password and the database`,
          { settings: ['DATABASE_URL'] },
        );
      if (!refused && !isOutage(error)) throw error;
      const remedy = refused ? ': check the user, the password and the database in DATABASE_URL' : '';
      if (!told) logger.warn(`waiting for PostgreSQL: ${messageOf(error)}${remedy}`);
      told = true;
    }
    await delay(AGAIN_MS);
  }
}

/** Faults of our own code have no SQLSTATE either, and waiting mends none. */
function isOutage(error: unknown): boolean {
  const ours = error instanceof SettingError || error instanceof TypeError || error instanceof RangeError;
  return !ours && asDatabaseError(error) instanceof DatabaseUnavailableError;
}
