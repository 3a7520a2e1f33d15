import { Argument, type Command } from 'commander';
import { bashScript, fishScript, type Node, zshScript } from './completion-scripts.js';
import { examples } from './examples.js';
import { write } from './output.js';
import { load } from './program.js';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** `ringback completion SHELL`: a script that lets the shell complete commands and options. */
export function define(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'that the script is for').choices(Object.keys(SCRIPTS)))
    .action(async (shell: keyof typeof SCRIPTS) => {
      write(SCRIPTS[shell](await nodes(command.parent!)));
    });
  examples(
    command,
    'completion bash   # in ~/.bashrc: source <(ringback completion bash)',
    'completion zsh    # in ~/.zshrc, after compinit: source <(ringback completion zsh)',
    'completion fish > ~/.config/fish/completions/ringback.fish',
  );
}

/** Each command by its words, with what may follow. */
async function nodes(program: Command): Promise<Node[]> {
  for (const command of program.commands) await load(command);
  const walk = (command: Command, words: string): Node[] => {
    const help = command.createHelp();
    return [
      {
        words,
        commands: command.commands.map((one) => ({
          name: one.name(),
          text: firstOf(one.summary() || one.description()),
        })),
        options: help.visibleOptions(command).map((option) => ({
          flags: [option.short, option.long].filter((flag) => flag !== undefined),
          text: firstOf(option.description),
          takesValue: option.required || option.optional,
          choices: option.argChoices ?? [],
        })),
        choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
      },
      ...command.commands.flatMap((one) => walk(one, `${words} ${one.name()}`.trim())),
    ];
  };
  return walk(program, '');
}

/** The first sentence: a list has room for no more. */
function firstOf(text: string): string {
  return text.split(/(?<=[.;]) /)[0]!.replace(/[.;]$/, '');
}
