"""Completion of commands, flags and their values in shells, as scripts that need nothing else."""

from collections.abc import Callable

from receiver.describing.commands import Command, Flag


def bash(program: Command) -> str:
    """For bash. Where its own words are cut at `=`, a value is what follows that."""
    name = program.name
    lines = [
        f"# Completion of {name} in bash: source it, or put it where bash-completion looks.",
        f"_{name}() {{",
        "    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
        "    local words flag= path=",
        '    if [[ $cur == "=" ]]; then flag=$before cur=',
        '    elif [[ $before == "=" ]]; then flag=${COMP_WORDS[COMP_CWORD-2]}',
        "    elif [[ $before == --* && $cur != -* ]]; then flag=$before",
        "    fi",
        "    local i",
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        case "$path ${COMP_WORDS[i]}" in',
    ]
    paths = [spaced(command) for command in program.all() if command is not program]
    lines += [
        f"            {'|'.join(f'{chr(34)}{p}{chr(34)}' for p in paths)}) "
        'path="$path ${COMP_WORDS[i]}" ;;',
        "        esac",
        "    done",
        '    case "$path:$flag" in',
    ]
    for command in program.all():
        for flag in command.flags:
            lines += bash_values(spaced(command), flag)
    lines += ["    esac", '    case "$path" in']
    for command in program.all():
        lines.append(f'        "{spaced(command)}") words="{" ".join(words_of(command))}" ;;')
    lines += [
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace",
        '    [[ ${#COMPREPLY[@]} == 0 ]] && COMPREPLY=($(compgen -f -- "$cur"))',
        "    return 0",
        "}",
        f"complete -F _{name} {name}",
    ]
    return "\n".join(lines) + "\n"


def bash_values(path: str, flag: Flag) -> list[str]:
    """What completes the value of a flag; nothing for a flag that takes none."""
    if not flag.metavar:
        return []
    patterns = "|".join(f'"{path}:{name}"' for name in flag.names)
    found = f'compgen -W "{" ".join(flag.choices)}"' if flag.choices else "compgen -f"
    return [f'        {patterns}) COMPREPLY=($({found} -- "$cur")); return 0 ;;']


def words_of(command: Command) -> list[str]:
    """What may follow the words of a command: commands below it, arguments and flags."""
    names = [below.name for below in command.commands]
    names += [choice for argument in command.arguments for choice in argument.choices]
    return names + [name for flag in command.flags for name in offered(flag)]


def offered(flag: Flag) -> list[str]:
    """The names of a flag as they are completed: long ones that need a value with `=`."""
    needs_value = flag.metavar and not flag.value_is_optional
    return [n + "=" if needs_value and n.startswith("--") else n for n in flag.names]


def spaced(command: Command) -> str:
    return "".join(f" {word}" for word in command.words[1:])


def zsh(program: Command) -> str:
    """For zsh, with what each command and flag is for."""
    lines = [
        f"#compdef {program.name}",
        f"# Completion of {program.name} in zsh: put it, as _{program.name}, into a directory of",
        "# $fpath.",
    ]
    for command in reversed(list(program.all())):
        lines += zsh_function(command)
    lines.append(
        f'if [[ $funcstack[1] == _{program.name} ]]; then _{program.name} "$@"; else '
        f"compdef _{program.name} {program.name}; fi"
    )
    return "\n".join(lines) + "\n"


def zsh_function(command: Command) -> list[str]:
    """One function for a command, which hands on to those of the commands below it."""
    lines = [f"{zsh_name(command)}() {{", "    local state line", "    typeset -A opt_args"]
    lines.append("    _arguments -C \\")
    lines += [f"        {spec} \\" for flag in command.flags for spec in zsh_specs(flag)]
    if not command.commands:
        choices = [choice for argument in command.arguments for choice in argument.choices]
        rest = f"({' '.join(choices)})" if choices else "_files"
        lines.append(f"        '*:argument:{rest}'" if command.arguments else "        && return")
        return [*lines, "}"]
    lines += [
        "        '1: :->command' \\",
        "        '*:: :->rest' && return",
        '    case "$state" in',
        "        command)",
        "            local -a found=(",
        *(f"                {quoted(c.name + ':' + c.help)}" for c in command.commands),
        "            )",
        "            _describe command found ;;",
        "        rest)",
        '            case "$line[1]" in',
        *(f"                {c.name}) {zsh_name(c)} ;;" for c in command.commands),
        "            esac ;;",
        "    esac",
    ]
    return [*lines, "}"]


def zsh_name(command: Command) -> str:
    return "_" + "_".join(command.words)


def zsh_specs(flag: Flag) -> list[str]:
    help = flag.help.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    star = "*" if flag.repeats else ""
    specs = []
    for name in flag.names:
        if not flag.metavar:
            specs.append(quoted(f"{star}{name}[{help}]"))
            continue
        end = ("=-" if flag.value_is_optional else "=") if name.startswith("--") else ""
        values = f"({' '.join(flag.choices)})" if flag.choices else "_files" * flag.is_file
        colons = "::" if flag.value_is_optional else ":"
        specs.append(quoted(f"{star}{name}{end}[{help}]{colons}value:{values}"))
    return specs


def fish(program: Command) -> str:
    """For fish, with what each command and flag is for."""
    name = program.name
    lines = [
        f"# Completion of {name} in fish: put it as {name}.fish into ~/.config/fish/completions.",
        f"complete -c {name} -f",
    ]
    for command in program.all():
        condition = fish_condition(command)
        for below in command.commands:
            help = f" -d {fish_quoted(below.help)}" if below.help else ""
            lines.append(f"complete -c {name} -n {condition} -a {below.name}{help}")
        lines += [f"complete -c {name} -n {condition}{fish_flag(flag)}" for flag in command.flags]
        choices = " ".join(choice for a in command.arguments for choice in a.choices)
        if choices:
            lines.append(f"complete -c {name} -n {condition} -a {fish_quoted(choices)}")
        elif command.arguments:
            lines.append(f"complete -c {name} -n {condition} -F")
    return "\n".join(lines) + "\n"


def fish_condition(command: Command) -> str:
    """Where the words of a command were given, and none of a command below it."""
    given = [f"__fish_seen_subcommand_from {word}" for word in command.words[1:]]
    below = " ".join(c.name for c in command.commands)
    if below:
        given.append(f"not __fish_seen_subcommand_from {below}")
    return fish_quoted("; and ".join(given) or "true")


def fish_flag(flag: Flag) -> str:
    names = [f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in flag.names]
    text = f" {' '.join(names)} -d {fish_quoted(flag.help)}"
    if not flag.metavar:
        return text
    if flag.choices:
        needed = " -f" if flag.value_is_optional else " -x"
        return f"{text}{needed} -a {fish_quoted(' '.join(flag.choices))}"
    needed = "" if flag.value_is_optional else " -r"
    return text + needed + (" -F" if flag.is_file else " -f")


def quoted(text: str) -> str:
    """A word of a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: dict[str, Callable[[Command], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
