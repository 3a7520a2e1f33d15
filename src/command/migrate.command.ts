import type { Command } from 'commander';
import type { MigrateOptions } from '../migrate.js';
import { jsonOption } from './connection.js';
import { examples } from './examples.js';
import { clean, write } from './output.js';

/** `ringback migrate`. */
export function define(command: Command): void {
  jsonOption(command)
    .description(
      'Brings the schema of DATABASE_URL up to date and ends: for a deploy job, before "ringback serve --no-migrate". Several may run at once; one migrates, the others wait for it, a minute unless told to --wait.',
    )
    .option(
      '--status',
      'says how the schema stands, and changes nothing; exit code 1 where it is not up to date',
    )
    .option(
      '--wait',
      'waits for PostgreSQL, and for another that migrates, as long as it takes; with --status until the schema is up to date',
    )
    .action(async (options: MigrateOptions) => {
      await import('reflect-metadata');
      const { migrateCommand } = await import('../migrate.js');
      process.exitCode = await migrateCommand(options, {
        result: (line) => write(`${line}\n`),
        meanwhile: (line) => process.stderr.write(`${clean(line)}\n`),
      });
    });
  examples(
    command,
    'migrate',
    'migrate --wait            # in a deploy job that may start before PostgreSQL does',
    'migrate --status --json',
    'migrate --status --wait   # in front of a service: until the deploy job is done',
  );
}
