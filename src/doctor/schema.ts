import { VERSION } from '../config/version.js';
import { schemaState } from '../database/schema-state.js';
import { type Check, counted, type Finding, green, red, yellow } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** Whether the schema is that of this version. */
export const schema: Check<WithDatabase> = {
  name: 'schema',
  run: async ({ dataSource, config }) => {
    const { applied, pending, unknown, newer, hasOtherFunctions } = await schemaState(dataSource);
    const found: Finding[] = [];
    if (newer?.bears)
      found.push(
        yellow(
          `is of Ringback ${newer.version}, and this is ${VERSION}, which runs beside it: run one version everywhere before the next`,
        ),
      );
    else if (newer)
      found.push(
        red(
          `is of Ringback ${newer.version}, beside which ${newer.oldest} and newer run, and this is ${VERSION}: start one of those`,
        ),
      );
    else if (unknown.length > 0)
      found.push(
        red(
          `is ahead: a newer Ringback has applied ${unknown.join(', ')}; start that version, or restore a backup`,
        ),
      );
    if (pending.length > 0) found.push(behind(applied, pending, config.database.migrates));
    else if (hasOtherFunctions && !newer)
      found.push(
        yellow('has the functions of another version, which started last: run one version everywhere'),
      );
    return found.length > 0 ? found : [green('is up to date')];
  },
};

/** A start mends it, unless it may not. */
function behind(applied: readonly string[], pending: readonly string[], migrates: boolean): Finding {
  const how = migrates
    ? 'a start of this version brings it up to date, and so does "ringback migrate"'
    : 'run "ringback migrate": RINGBACK_MIGRATE is false, so that no start does it';
  const text =
    applied.length === 0
      ? `there is none yet: ${how}`
      : `is behind by ${counted(pending.length, 'migration')} (${pending.join(', ')}): ${how}`;
  return migrates ? yellow(text) : red(text);
}
