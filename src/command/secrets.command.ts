import type { Command } from 'commander';
import { examples } from './examples.js';

/** `ringback secrets reseal`. */
export function define(command: Command): void {
  const reseal = command
    .command('reseal')
    .description(
      'Seals what is encrypted at rest anew with the first of RINGBACK_SECRET_KEYS, and says which others may go. It reads the environment of the service, and may be stopped and started again.',
    )
    .action(async () => {
      await import('reflect-metadata');
      await (await import('../reseal.js')).reseal();
    });
  examples(reseal, 'secrets reseal   # with RINGBACK_SECRET_KEYS=k2:…,k1:… and DATABASE_URL of the service');
}
