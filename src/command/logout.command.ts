import type { Command } from 'commander';
import { jsonOption } from './connection.js';
import { UsageError } from './ending.js';
import { examples } from './examples.js';
import { clean, printJson, write } from './output.js';
import { readProfiles, writeProfiles } from './profiles.js';

/** `ringback logout`: forgets a profile; its key stays valid. */
export function define(command: Command): void {
  jsonOption(command)
    .option('--profile <name>', 'that of the last login otherwise')
    .action((options: { profile?: string; json?: boolean }) => {
      const { current, profiles } = readProfiles();
      const name = options.profile ?? current;
      if (name === undefined || !profiles[name])
        throw new UsageError(
          name === undefined ? 'nobody is logged in' : `there is no profile ${JSON.stringify(name)}`,
        );
      const { [name]: _, ...rest } = profiles;
      writeProfiles({ ...(current === undefined || current === name ? {} : { current }), profiles: rest });
      if (options.json) printJson({ profile: name, forgotten: true });
      else
        write(
          `The profile ${clean(name)} is forgotten. Its key stays valid: "ringback keys revoke" ends it.\n`,
        );
    });
  examples(command, 'logout', 'logout --profile production');
}
