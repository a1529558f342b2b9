"""`lake completion`: the script by which a shell completes commands, options and settings.

The scripts are click's with two differences. Nothing is put behind `name=`, so that a value follows. And
bash, which takes `=` for the end of a word, is given whole words, and gets back what follows the `=`.
"""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

PROGRAM, VARIABLE = "lake", "_LAKE_COMPLETE"


class _Bash(BashComplete):
    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" type value word
    local words; IFS=$' \\t' read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word="${words[-1]}"
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                [[ $value == *= ]] && compopt -o nospace
                [[ $word == *=* ]] && value="${value#*=}"
                COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="$line" COMP_CWORD=$((${#words[@]} - 1)) %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Zsh(ZshComplete):
    source_template = (
        ZshComplete.source_template.replace(
            """\
            if [[ "$descr" == "_" ]]; then
""",
            """\
            if [[ "$key" == *= ]]; then
                open+=("$key":"$descr")
            elif [[ "$descr" == "_" ]]; then
""",
        )
        .replace(
            """\
    if [ -n "$completions" ]; then
""",
            """\
    if [ -n "$open" ]; then
        _describe -V unsorted open -U -S ''
    fi

    if [ -n "$completions" ]; then
""",
        )
        .replace("    local -a response\n", "    local -a response\n    local -a open\n")
    )


_SHELLS = {"bash": _Bash, "zsh": _Zsh, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> None:
    r"""Print what makes SHELL complete commands, options and settings.

    \b
    bash: put into ~/.bashrc: source <(lake completion bash)
    zsh:  put into ~/.zshrc, below compinit: source <(lake completion zsh)
    fish: lake completion fish > ~/.config/fish/completions/lake.fish
    """
    context = click.get_current_context().find_root()
    made = _SHELLS[shell](context.command, {}, PROGRAM, VARIABLE)
    click.echo(made.source())
