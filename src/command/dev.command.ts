import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { devEnv } from '../config/command-env.js';
import { CommandError, UsageError } from './ending.js';
import { examples } from './examples.js';

/** `ringback dev`: service, inbox and console in one terminal. */
export function define(command: Command): void {
  command
    .description(
      'Runs the service with an inbox for its callbacks and the console, for trying things out. Keys: t triggers a sample operation, o opens the console, q quits. When something changes beside the handlers, it starts again.',
    )
    .argument('[handlers...]', 'ES modules with operation handlers (RINGBACK_HANDLERS)')
    .addOption(new Option('--supervised', 'is what runs the service').hideHelp())
    .action(async (handlers: string[], { supervised }: { supervised?: true }) => {
      if (!supervised) return supervise(handlers);
      // Only here: loading it takes most of a second.
      await import('reflect-metadata');
      await (await import('../dev.js')).dev();
    });
  examples(command, 'dev', 'dev dist/handlers.js', 'dev   # with PORT=8090 in the environment');
}

async function supervise(given: readonly string[]): Promise<void> {
  const missing = given.find((path) => !existsSync(path));
  if (missing !== undefined) throw new UsageError(`there is no file ${missing} with handlers`);
  const { env, handlers, isProduction } = devEnv(given);
  if (isProduction)
    throw new CommandError(
      '"ringback dev" is for trying things out: with NODE_ENV=production use "ringback serve"',
    );
  const { Supervised } = await import('./supervised.js');
  process.exitCode = await Supervised.run(env, handlers);
}
