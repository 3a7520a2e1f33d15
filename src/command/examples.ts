import type { Command } from 'commander';

/** Ends a command's help with examples, each a line without `ringback`. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ringback ${line}`).join('\n')}`);
}
