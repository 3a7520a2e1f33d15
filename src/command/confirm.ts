import type { Command } from 'commander';
import { UsageError } from './ending.js';

/** Adds `--yes`, without which nothing is done that can't be undone. */
export function yesOption(command: Command): Command {
  return command.option('--yes', 'does it: it cannot be undone');
}

/** Refuses what wasn't confirmed, and says what it would do. */
export function confirmed(yes: boolean | undefined, what: string): void {
  if (!yes) throw new UsageError(`this ${what}, for good: add --yes to do it`);
}
