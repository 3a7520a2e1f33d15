import { Command } from 'commander';
import { VERSION } from '../config/version.js';
import { COMMANDS, type Listed } from './commands.js';
import { EXIT, exitCodeOf, tell } from './ending.js';
import { write } from './output.js';

/** Runs what the arguments of `ringback` ask for, and sets the exit code; without any it serves. */
export async function run(given: readonly string[]): Promise<void> {
  try {
    const program = programOf();
    const words = asked(given);
    const named = words.find((word) => !word.startsWith('-'));
    // Before the parser looks: by then a command must have its options.
    await Promise.all(program.commands.filter((command) => command.name() === named).map(load));
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    tell(error, given.includes('--json'));
    process.exitCode = exitCodeOf(error);
  }
}

/** Nothing is the service; `help get` is `get --help`, which knows what it has to read first. */
function asked(given: readonly string[]): readonly string[] {
  if (given.length === 0) return ['serve'];
  return given[0] === 'help' ? [...given.slice(1), '--help'] : given;
}

/** The program: commands are named, and each is read once it is asked for. */
export function programOf(): Command {
  const program = new Command('ringback')
    .description('Runs slow API operations in the background and rings back, signed, when they end.')
    .usage('[command] [options]')
    .version(VERSION, '-v, --version', 'prints the version')
    .helpOption('-h, --help', 'prints this; after a command, how that is used, with examples')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: write,
      outputError: (text, say) => say(text.replace(/^error: /, 'ringback: ')),
    })
    .addHelpText('after', AFTER);
  for (const listed of COMMANDS) add(program, listed);
  return program;
}

const AFTER = `
Examples:
  ringback
  ringback submit echo --input '{"hello":"world"}' --callback http://127.0.0.1:9000/ --wait
  ringback redeliver --failed --since 1h --dry-run

Without a command, the service runs ("ringback serve"); its settings are environment variables, listed in docs/configuration.md.
The other commands talk to a service: by --url and --key, RINGBACK_URL and RINGBACK_KEY, what "ringback login" has stored,
or the data folder of a service that runs on this machine. docs/command.md has more.

Exit codes: ${EXIT.done} done, ${EXIT.failed} it failed, ${EXIT.misused} wrong usage, ${EXIT.unreached} no service was reached.`;

const unread = new WeakMap<Command, Listed>();

function add(program: Command, listed: Listed): void {
  const command = program
    .command(listed.name)
    .summary(listed.summary)
    .helpOption('-h, --help', 'prints this')
    .helpCommand(false)
    .description(`${listed.summary.charAt(0).toUpperCase()}${listed.summary.slice(1)}.`)
    .helpGroup(`${listed.group}:`)
    .showHelpAfterError(`"ringback ${listed.name} --help" says how it is used.`);
  unread.set(command, listed);
}

/** Gives a command its arguments and options; once. */
export async function load(command: Command): Promise<void> {
  const listed = unread.get(command);
  if (!listed) return;
  unread.delete(command);
  (await listed.load()).define(command);
}
