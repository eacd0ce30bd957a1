"""Completion in bash, zsh and fish: the scripts, and what they exchange with this program.

A script passes the command line up to the cursor in COMPILE_MATRIX_LINE. The answer is a line for
each candidate: kind, text and description, separated by tabs. Nothing of the line is evaluated, the
program is looked up in PATH, and a candidate is quoted before it becomes part of a command line.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class


PROGRAM, COMPLETE = "compile-matrix", "_COMPILE_MATRIX_COMPLETE"
_LINE, _WORD = "COMPILE_MATRIX_LINE", "COMPILE_MATRIX_WORD"
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_UNSAFE = re.compile(r"[^\w@%+=:,./-]")
"""Characters that mean something to bash, in some place."""

_BASH = r"""
%(complete_func)s() {
    local kind text help
    COMPREPLY=()
    while IFS=$'\t' read -r kind text help; do
        case $kind in
            plain) COMPREPLY+=("$text") ;;
            open) COMPREPLY+=("$text"); compopt -o nospace ;;
            *) compopt -o "$kind" ;;
        esac 2> /dev/null
    done < <(
        COMPILE_MATRIX_LINE="${COMP_LINE:0:COMP_POINT}" COMPILE_MATRIX_WORD="$2" \
            %(complete_var)s=bash_complete %(prog_name)s 2> /dev/null
    )
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2> /dev/null ||
    complete -F %(complete_func)s %(prog_name)s
"""

_ZSH = r"""
#compdef %(prog_name)s
%(complete_func)s() {
    local kind text help
    local -a plain open described
    while IFS=$'\t' read -r kind text help; do
        case $kind in
            plain) plain+=("$text") ;;
            open) open+=("$text") ;;
            described) described+=("${text//:/\\:}:$help") ;;
            default) _files ;;
            dirnames) _files -/ ;;
        esac
    done < <(
        COMPILE_MATRIX_LINE="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" \
            %(complete_var)s=zsh_complete command %(prog_name)s 2> /dev/null
    )
    (( $#described )) && _describe -V %(prog_name)s described
    (( $#open )) && compadd -V open -S '' -a open
    (( $#plain )) && compadd -V plain -a plain
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = r"""
function %(complete_func)s
    set -lx COMPILE_MATRIX_LINE (commandline -cp | string collect)
    set -lx %(complete_var)s fish_complete
    command %(prog_name)s 2>/dev/null | while read -l --delimiter \t kind text help
        switch $kind
            case default
                __fish_complete_path (commandline -ct)
            case dirnames
                __fish_complete_directories (commandline -ct)
            case '*'
                printf '%%s\t%%s\n' $text $help
        end
    end
end
complete --command %(prog_name)s --no-files --keep-order --arguments '(%(complete_func)s)'
"""


class Shell(ShellComplete):
    """Completion in a shell whose script passes the line."""

    raw = ""
    """The last word as it was typed, with quotes."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the arguments before the last word, and the last word without quotes."""
        words = list(split_words(os.environ.get(_LINE, "")))
        while len(words) > 1 and _ASSIGNMENT.match(words[0][0]):
            del words[0]
        self.raw, last = words[-1]
        return [text for _, text in words[1:-1]], last

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return candidates without control characters; a value follows its `--option=`."""
        option, equals, _ = incomplete.partition("=")
        prefix = f"{option}=" if equals and option.startswith("--") else ""
        items = super().get_completions(args, incomplete)
        return [
            CompletionItem(f"{prefix}{item.value}", item.type, item.help)
            for item in items
            if item.value.isprintable()
        ]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a candidate as kind, text and description, separated by tabs."""
        kind = {"file": "default", "dir": "dirnames"}.get(item.type, "plain")
        help_ = " ".join((item.help or "").split())
        if kind == "plain" and item.value.endswith("="):
            kind = "open"
        return f"{kind}\t{self.quoted(item.value)}\t{help_}"

    def quoted(self, value: str) -> str:
        """Return a candidate as the script expects it; zsh and fish quote it themselves."""
        return value


class Bash(Shell):
    """Bash replaces only the text after the last of COMP_WORDBREAKS, and quotes nothing."""

    name, source_template = "bash", _BASH.lstrip()

    def quoted(self, value: str) -> str:
        r"""Return what replaces the word that bash completes.

        Outside quotes each character that the shell could interpret is escaped. In quotes, a
        candidate that would end them or be expanded is not offered.
        """
        quote = self.raw[:1] if self.raw[:1] in {"'", '"'} else ""
        if quote and re.search("'" if quote == "'" else r'["$`\\!]', value):
            return self.raw
        escaped = value if quote else _UNSAFE.sub(lambda match: f"\\{match[0]}", value)
        word = os.environ.get(_WORD, self.raw).removeprefix(quote)
        typed = self.raw.removeprefix(quote)
        return escaped[len(typed) - len(word) :] if typed.endswith(word) else escaped


class Zsh(Shell):
    """Zsh shows descriptions."""

    name, source_template = "zsh", _ZSH.lstrip()

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a candidate as a line of the kind `described` if it has a description."""
        kind, _, rest = super().format_completion(item).partition("\t")
        return f"{'described' if kind == 'plain' and item.help else kind}\t{rest}"


class Fish(Shell):
    """Fish shows descriptions, and adds no space after `=`."""

    name, source_template = "fish", _FISH.lstrip()


SHELLS: tuple[type[Shell], ...] = (Bash, Zsh, Fish)


def script(shell: str) -> str:
    """Return the script of a shell, which is to be evaluated in it."""
    from compiler.cli.main import cli

    (shell_class,) = (each for each in SHELLS if each.name == shell)
    return shell_class(cli, {}, PROGRAM, COMPLETE).source()


def register_shells() -> None:
    """Let click complete with these classes instead of its own."""
    for shell in SHELLS:
        add_completion_class(shell)


def split_words(line: str) -> Iterator[tuple[str, str]]:
    r"""Yield the words of an incomplete command line, each as typed and without quotes.

    The last word is the one at the cursor; it is empty after a space.

    >>> list(split_words(r"list 'a b' c\ d "))
    [('list', 'list'), ("'a b'", 'a b'), ('c\\ d', 'c d'), ('', '')]
    >>> list(split_words("list 'python=!3"))
    [('list', 'list'), ("'python=!3", 'python=!3')]
    """
    raw, text, quote, is_escaped = "", "", "", False
    for character in line:
        if not quote and not is_escaped and character.isspace():
            if raw:
                yield raw, text
            raw, text = "", ""
            continue
        raw += character
        if is_escaped:
            text, is_escaped = text + character, False
        elif character == "\\" and quote != "'":
            is_escaped = True
        elif character == quote:
            quote = ""
        elif character in "'\"" and not quote:
            quote = character
        else:
            text += character
    yield raw, text
