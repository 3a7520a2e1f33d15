/** A command as the shells know it. */
export interface Node {
  /** Its words after `ringback`; empty for the program. */
  readonly words: string;
  readonly commands: readonly { readonly name: string; readonly text: string }[];
  readonly options: readonly {
    readonly flags: readonly string[];
    readonly text: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
  /** Of its arguments. */
  readonly choices: readonly string[];
}

const HEAD = '# Made by "ringback completion"; it knows the commands of this version.\n';

/** What a word may be after a command: commands or, where these end, choices of its arguments. */
function followers({ commands, choices }: Node): string[] {
  return [...commands.map(({ name }) => name), ...choices];
}

/** In bash: words after the command that stands there, options once a dash is typed, and files elsewhere. */
export function bashScript(nodes: readonly Node[]): string {
  const groups = nodes.filter(({ words, commands }) => words !== '' && commands.length > 0);
  const cases = nodes.map((node) => {
    const flags = node.options.flatMap((option) => option.flags).join(' ');
    return `    '${node.words}') words='${followers(node).join(' ')}' flags='${flags}' ;;`;
  });
  const values = valued(nodes).map(([flag, choices]) => `    '${flag}') words='${choices.join(' ')}' ;;`);
  return `${HEAD}_ringback() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path='' words='' flags='' word at
  for ((at = 1; at < COMP_CWORD && at < 3; at++)); do
    word="\${COMP_WORDS[at]}"
    case "$word" in -*) break ;; esac
    if [[ $at == 1 ]]; then path="$word"; else
      case "$path" in ${groups.map(({ words }) => words).join('|')}) path="$path $word" ;; esac
    fi
  done
  COMPREPLY=()
  case "$before" in
${values.join('\n')}
  esac
  if [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "$path" in
${cases.join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
  esac
}
complete -o default -o bashdefault -F _ringback ringback
`;
}

/** In zsh: the same, with what each is for. */
export function zshScript(nodes: readonly Node[]): string {
  const groups = nodes.filter(({ words, commands }) => words !== '' && commands.length > 0);
  const cases = nodes.map((node) => {
    const words = [
      ...node.commands.map(({ name, text }) => quoted(`${colonless(name)}:${text}`)),
      ...node.choices.map(quoted),
    ];
    const flags = node.options.flatMap(({ flags, text }) => flags.map((flag) => quoted(`${flag}:${text}`)));
    return `    ${quoted(node.words)}) words_of=(${words.join(' ')}) flags=(${flags.join(' ')}) ;;`;
  });
  const values = valued(nodes).map(
    ([flag, choices]) => `    ${quoted(flag)}) compadd -- ${choices.join(' ')}; return ;;`,
  );
  return `#compdef ringback
${HEAD}_ringback() {
  local path_of='' word at
  local -a words_of flags
  for ((at = 2; at < CURRENT && at < 4; at++)); do
    word="\${words[at]}"
    [[ $word == -* ]] && break
    if ((at == 2)); then path_of=$word; else
      case $path_of in (${groups.map(({ words }) => words).join('|')}) path_of="$path_of $word" ;; esac
    fi
  done
  case \${words[CURRENT-1]} in
${values.join('\n')}
  esac
  case $path_of in
${cases.join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    _describe option flags
  elif ((\${#words_of})); then
    _describe command words_of
  else
    _files
  fi
}
compdef _ringback ringback
`;
}

/** In fish: a line for each command and option. */
export function fishScript(nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const where = conditionOf(node, nodes);
    return [
      ...node.commands.map(
        ({ name, text }) => `complete -c ringback -f -n ${where} -a ${name} -d ${quoted(text)}`,
      ),
      ...node.choices.map((choice) => `complete -c ringback -f -n ${where} -a ${choice}`),
      ...node.options.map(({ flags, text, takesValue, choices }) => {
        const names = flags.map((flag) =>
          flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
        );
        const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : '';
        return `complete -c ringback -n ${where} ${names.join(' ')}${value} -d ${quoted(text)}`;
      }),
    ];
  });
  return `${HEAD}${lines.join('\n')}\n`;
}

function conditionOf({ words, commands }: Node, nodes: readonly Node[]): string {
  if (words === '') return '__fish_use_subcommand';
  const [group, action] = words.split(' ') as [string, string?];
  if (action !== undefined)
    return quoted(`__fish_seen_subcommand_from ${group}; and __fish_seen_subcommand_from ${action}`);
  const below = commands.map(({ name }) => name).join(' ');
  const seen = `__fish_seen_subcommand_from ${group}`;
  // A word of a group may be a command elsewhere: `endpoints list` is no `list`.
  const groups = nodes.filter(
    (node) => node.words !== '' && node.commands.some(({ name }) => name === group),
  );
  const others = groups.map((node) => node.words).join(' ');
  const isAlone = others === '' ? '' : `; and not __fish_seen_subcommand_from ${others}`;
  return quoted(below === '' ? seen + isAlone : `${seen}; and not __fish_seen_subcommand_from ${below}`);
}

/** Options of which the values are known, each once. */
function valued(nodes: readonly Node[]): [string, readonly string[]][] {
  const options = nodes.flatMap((node) => node.options).filter(({ choices }) => choices.length > 0);
  return [...new Map(options.flatMap(({ flags, choices }) => flags.map((flag) => [flag, choices] as const)))];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function colonless(text: string): string {
  return text.replaceAll(':', String.raw`\:`);
}
