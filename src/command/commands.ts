import type { Command } from 'commander';

/** A command by its name: the rest is read when it is asked for, so that no command waits for another's parts. */
export interface Listed {
  readonly name: string;
  readonly group: 'Service' | 'Operations' | 'Deliveries' | 'Receivers' | 'Administration' | 'This command';
  /** A phrase, as in the list of `ringback --help`. */
  readonly summary: string;
  readonly load: () => Promise<{ define(command: Command): void }>;
}

/** All commands, in the order in which help lists them. */
// prettier-ignore
export const COMMANDS: readonly Listed[] = [
  { name: 'serve', group: 'Service', summary: 'runs the service until SIGTERM or Ctrl-C', load: () => import('./serve.command.js') },
  { name: 'dev', group: 'Service', summary: 'runs the service with an inbox, the console and keys, for trying things out', load: () => import('./dev.command.js') },
  { name: 'migrate', group: 'Service', summary: 'brings the schema of the database up to date, and ends', load: () => import('./migrate.command.js') },
  { name: 'get', group: 'Operations', summary: 'shows an operation as it stands', load: () => import('./get.command.js') },
  { name: 'tail', group: 'Operations', summary: 'shows what ends and what is delivered, as it happens', load: () => import('./tail.command.js') },
  { name: 'listen', group: 'Deliveries', summary: 'receives callbacks on a machine that nothing can reach', load: () => import('./listen.command.js') },
  { name: 'secrets', group: 'Administration', summary: 'seals stored secrets anew with the first secret key', load: () => import('./secrets.command.js') },
];
