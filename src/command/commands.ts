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
  { name: 'doctor', group: 'Service', summary: 'says in words why nothing runs, and what mends it', load: () => import('./doctor.command.js') },
  { name: 'submit', group: 'Operations', summary: 'submits an operation', load: () => import('./submit.command.js') },
  { name: 'get', group: 'Operations', summary: 'shows an operation as it stands', load: () => import('./get.command.js') },
  { name: 'wait', group: 'Operations', summary: 'waits for the end of an operation', load: () => import('./wait.command.js') },
  { name: 'history', group: 'Operations', summary: 'shows what happened to an operation', load: () => import('./history.command.js') },
  { name: 'result', group: 'Operations', summary: 'downloads the result of an operation', load: () => import('./result.command.js') },
  { name: 'cancel', group: 'Operations', summary: 'cancels operations', load: () => import('./cancel.command.js') },
  { name: 'rerun', group: 'Operations', summary: 'submits an operation once more', load: () => import('./rerun.command.js') },
  { name: 'list', group: 'Operations', summary: 'lists operations', load: () => import('./list.command.js') },
  { name: 'tail', group: 'Operations', summary: 'shows what ends and what is delivered, as it happens', load: () => import('./tail.command.js') },
  { name: 'deliveries', group: 'Deliveries', summary: 'lists what was told, or is to be', load: () => import('./deliveries.command.js') },
  { name: 'delivery', group: 'Deliveries', summary: 'shows every attempt of a delivery', load: () => import('./delivery.command.js') },
  { name: 'redeliver', group: 'Deliveries', summary: 'sends deliveries again, by id or by a filter', load: () => import('./redeliver.command.js') },
  { name: 'listen', group: 'Receivers', summary: 'receives callbacks on a machine that nothing can reach', load: () => import('./listen.command.js') },
  { name: 'trigger', group: 'Receivers', summary: 'sends a signed sample to a receiver', load: () => import('./trigger.command.js') },
  { name: 'verify', group: 'Receivers', summary: 'says which part of a signature is wrong', load: () => import('./verify.command.js') },
  { name: 'endpoints', group: 'Administration', summary: 'lists, makes and changes endpoints, and their secrets', load: () => import('./endpoints.command.js') },
  { name: 'keys', group: 'Administration', summary: 'lists, makes and revokes API keys', load: () => import('./keys.command.js') },
  { name: 'accounts', group: 'Administration', summary: 'lists, makes and changes accounts', load: () => import('./accounts.command.js') },
  { name: 'secrets', group: 'Administration', summary: 'seals stored secrets anew with the first secret key', load: () => import('./secrets.command.js') },
  { name: 'login', group: 'This command', summary: 'stores a service and a key of it as a profile', load: () => import('./login.command.js') },
  { name: 'logout', group: 'This command', summary: 'forgets a profile', load: () => import('./logout.command.js') },
  { name: 'mcp', group: 'This command', summary: 'serves the Model Context Protocol, for coding agents', load: () => import('./mcp.command.js') },
  { name: 'completion', group: 'This command', summary: 'prints a script for bash, zsh or fish', load: () => import('./completion.command.js') },
];
