"""Completions of a program for bash, zsh and fish, from its help."""

import shlex


def options_of(command, root):
    """What may be given to a command: its own options, and the root's where these may come too."""
    options = list(command.options)
    known = {name for option in options for name in option.names}
    if command.takes_options_of_root:
        options += [option for option in root.options if not known & set(option.names)]
    return options


def is_file(entry):
    return entry.value.startswith("FILE")


def is_directory(entry):
    return entry.value == "DIR"


# bash


def bash_words(command, root):
    words = [below.path[-1] for below in command.subcommands]
    words += [name for option in options_of(command, root) for name in option.names]
    return " ".join(words)


def bash_value(option):
    if option.choices:
        return f'-W "{" ".join(option.choices)}"'
    if is_file(option):
        return "-f"
    return "-d" if is_directory(option) else ""


def bash_cases(command, root):
    """The lines of three case statements: where words lead, what is told of options that take a
    value, and what may come at all."""
    at = "/".join(command.path)
    steps = [f"      '{at} {below.path[-1]}') command={'/'.join(below.path)} ;;"
             for below in command.subcommands]
    values = []
    for option in options_of(command, root):
        if option.value:
            names = "|".join(f"'{at} {name}'" for name in option.names)
            values.append(f"    {names}) taken=1 kind='{bash_value(option)}' ;;")
    files = next((bash_value(one) for one in command.positionals if bash_value(one)), "")
    words = [f"    {at}) words='{bash_words(command, root)}' files='{files}' ;;"]
    return steps, values, words


def bash(root):
    name = root.path[0]
    steps, values, words = [], [], []
    for command in root.everything():
        for lines, more in zip((steps, values, words), bash_cases(command, root)):
            lines += more
    newline = "\n"
    return f"""# Completion of {name} for bash, made from its help.

# Whether an option takes a value, and how such values are completed.
_{name}_value() {{
  taken='' kind=''
  case $1 in
{newline.join(values)}
  esac
}}

_{name}() {{
  local command={name} current=${{COMP_WORDS[COMP_CWORD]}} before='' word taken kind words files
  local index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${{COMP_WORDS[index]}}
    if [ "$word" = '=' ]; then continue; fi
    _{name}_value "$command $before"
    before=$word
    if [ -n "$taken" ]; then before=''; continue; fi
    case "$command $word" in
{newline.join(steps)}
    esac
  done
  if [ "$current" = '=' ]; then current=''; fi
  COMPREPLY=()
  _{name}_value "$command $before"
  if [ -n "$taken" ]; then
    [ -z "$kind" ] || mapfile -t COMPREPLY < <(eval "compgen $kind -- \\"\\$current\\"")
    [[ "$kind" != -[df] ]] || compopt -o filenames 2>/dev/null
    return
  fi
  case $command in
{newline.join(words)}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [ -n "$files" ] && [[ "$current" != -* ]]; then
    mapfile -t COMPREPLY < <(eval "compgen $files -- \\"\\$current\\"")
    compopt -o filenames 2>/dev/null
  fi
}}
complete -F _{name} {name}
"""


# zsh


def zsh_text(text, more=""):
    for sign in "\\" + "[]:" + more:
        text = text.replace(sign, "\\" + sign)
    return text


def summary(text):
    """What fits beside a word: the description up to its first end."""
    for end in (": ", "; ", ". ", " (default"):
        text = text.split(end)[0]
    return text


def zsh_action(entry):
    if entry.choices:
        return f"({' '.join(entry.choices)})"
    if is_file(entry):
        return "_files"
    return "_files -/" if is_directory(entry) else " "


def zsh_specs(command, root):
    for option in options_of(command, root):
        value = f":{zsh_text(option.value)}:{zsh_action(option)}" if option.value else ""
        # Options may be repeated where the help says so.
        repeated = "*" if option.repeatable or "repeatable" in option.description else ""
        for name in option.names:
            sign = "=" if value and name.startswith("--") else ""
            yield shlex.quote(f"{repeated}{name}{sign}[{zsh_text(summary(option.description))}]{value}")


def zsh_function(command, root):
    name = "_" + "_".join(command.path)
    lines = [f"{name}() {{", "  local state line", "  local -a commands", "  _arguments -C \\"]
    lines += [f"    {spec} \\" for spec in zsh_specs(command, root)]
    if not command.subcommands:
        positionals = [shlex.quote(f":{zsh_text(one.names[0])}:{zsh_action(one)}")
                       for one in command.positionals]
        lines += [f"    {one} \\" for one in positionals]
        lines[-1] = lines[-1].removesuffix(" \\")
        return "\n".join([*lines, "}"])
    lines += ["    '1: :->command' '*:: :->arguments'", "  case $state in", "    command)",
              "      commands=("]
    lines += [f"        {shlex.quote(zsh_text(below.path[-1]) + ':' + summary(below.description))}"
              for below in command.subcommands]
    lines += ["      )", "      _describe command commands ;;", "    arguments)",
              "      case $line[1] in"]
    lines += [f"        {below.path[-1]}) _{'_'.join(below.path)} ;;" for below in command.subcommands]
    lines += ["      esac ;;", "  esac", "}"]
    return "\n".join(lines)


def zsh(root):
    name = root.path[0]
    functions = [zsh_function(command, root) for command in root.everything()]
    # Loaded as the function that completes, which this file's last line is then.
    return "\n\n".join([f"#compdef {name}\n\n# Completion of {name} for zsh, made from its help.",
                        *functions, f'_{name} "$@"']) + "\n"


# fish


def fish_entry(name, at, option):
    words = ["complete", "-c", name, "-n", shlex.quote(f"__{name}_at {at}")]
    for one in option.names:
        words += ["-l", one[2:]] if one.startswith("--") else ["-s", one[1:]]
    if option.choices:
        words += ["-x", "-a", shlex.quote(" ".join(option.choices))]
    elif is_file(option) or is_directory(option):
        words += ["-r", "-F"]
    elif option.value:
        words.append("-x")
    return " ".join([*words, "-d", shlex.quote(summary(option.description))])


def fish(root):
    name = root.path[0]
    lines = [f"# Completion of {name} for fish, made from its help.", "",
             f"# Whether the words so far lead to this command.", f"function __{name}_at",
             f"    set -l command {name}",
             "    set -l before ''", "    for word in (commandline -opc)[2..-1]",
             "        switch \"$command $before\""]
    values = [f"'{'/'.join(command.path)} {option_name}'" for command in root.everything()
              for option in options_of(command, root) if option.value for option_name in option.names]
    lines += [f"            case {' '.join(values)}", "                set before ''",
              "                continue", "        end", "        set before $word",
              "        switch \"$command $word\""]
    for command in root.everything():
        for below in command.subcommands:
            lines += [f"            case '{'/'.join(command.path)} {below.path[-1]}'",
                      f"                set command {'/'.join(below.path)}"]
    lines += ["        end", "    end", "    test $command = $argv[1]", "end", ""]
    for command in root.everything():
        at = "/".join(command.path)
        if command.subcommands or not any(map(is_directory, command.positionals)):
            lines.append(f"complete -c {name} -n '__{name}_at {at}' -f")
        for below in command.subcommands:
            lines.append(f"complete -c {name} -n '__{name}_at {at}' -a {below.path[-1]} "
                         f"-d {shlex.quote(summary(below.description))}")
        lines += [fish_entry(name, at, option) for option in options_of(command, root)]
    return "\n".join(lines) + "\n"
