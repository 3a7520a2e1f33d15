import type { Command } from 'commander';
import type { Resealed } from '../reseal.js';
import { examples } from './examples.js';
import { counted, printJson, write } from './output.js';
import { Progress } from './progress.js';

/** `ringback secrets reseal`. */
export function define(command: Command): void {
  examples(command, 'secrets reseal', 'secrets reseal --help');
  const reseal = command
    .command('reseal')
    .description(
      'Seals what is encrypted at rest anew with the first of RINGBACK_SECRET_KEYS, and says which others may go. It reads the environment of the service, and may be stopped and started again.',
    )
    .option('--json', 'prints JSON')
    .action(async ({ json }: { json?: boolean }) => {
      await import('reflect-metadata');
      const { reseal } = await import('../reseal.js');
      using progress = new Progress(json === true || !process.stderr.isTTY);
      await reseal({
        onProgress: (resealed) => progress.tell(`${counted(resealed, 'value', 'values')} sealed anew`),
        onEnd: (resealed) => {
          progress[Symbol.dispose]();
          if (json) printJson(resealed);
          else print(resealed);
        },
      });
    });
  examples(reseal, 'secrets reseal   # with RINGBACK_SECRET_KEYS=k2:…,k1:… and DATABASE_URL of the service');
}

function print({ resealed, keys }: Resealed): void {
  const verdicts = keys.map(({ id, text }) => `${id}: ${text}\n`);
  write(`${counted(resealed, 'value was', 'values were')} sealed anew.\n${verdicts.join('')}`);
}
