import { parseSecretKeys } from '../config/secret-keys.js';
import { SecretBox } from '../signing/secret-box.js';
import { unopenedValues } from '../signing/unopened.store.js';
import { type Check, counted, green, red } from './finding.js';
import type { WithDatabase } from './surroundings.js';

/** Whether what is sealed in the database opens with the secret keys. */
export const secrets: Check<WithDatabase> = {
  name: 'secrets',
  run: async ({ database, config, hasTables, hasSecretKeys }) => {
    // What is wrong with the keys themselves is told with the settings.
    if (!hasTables || !hasSecretKeys) return [];
    const unopened = await unopenedValues(database, new SecretBox(parseSecretKeys(config.secrets.keys)));
    if (unopened.length === 0) return [green('what is sealed opens, as far as the newest of each kind show')];
    return unopened.map(({ count, reason }) =>
      red(
        `${counted(count, 'sealed value does', 'sealed values do')} not open, and what needs ${count === 1 ? 'it' : 'them'} fails: ${reason}`,
      ),
    );
  },
};
