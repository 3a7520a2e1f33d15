import type { Command } from 'commander';
import { examples } from './examples.js';

/** `ringback serve`: the service, as the environment says. */
export function define(command: Command): void {
  command
    .option(
      '--no-migrate',
      'leaves the schema to "ringback migrate", and refuses to start on one that is behind (RINGBACK_MIGRATE=false)',
    )
    .action(async ({ migrate }: { migrate: boolean }) => {
      // Only here: loading it takes most of a second, and no other command needs it.
      await import('reflect-metadata');
      await (await import('../serve.js')).serve({ migrates: migrate });
    });
  examples(
    command,
    'serve',
    'serve --no-migrate',
    'serve   # with PORT=8090 DATABASE_URL=postgres://user:password@host:5432/database in the environment',
  );
}
