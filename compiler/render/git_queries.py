"""Check the options in the addresses of Git repositories: `https://host/a.git?branch=b`.

An unknown option is only an error if no frontend is named, which may know more.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote_plus

from compiler.errors import did_you_mean
from compiler.external.go_values import GO_BOOLEANS


_GIT = re.compile(
    r"(?:(?i:https?)://[^?#]*\.git(?=[?#]|\Z)|(?:(?i:git|ssh)://|[\w-]+@[\w.-]+:|github\.com/)[^?#]*)",
    re.ASCII,
)
"""The address of a repository, without its options. An HTTP address needs the suffix `.git`."""
_BOOLEANS = frozenset({"fetch-by-commit", "keep-git-dir", "submodules"})
_OPTIONS = _BOOLEANS | {"branch", "checksum", "commit", "mtime", "ref", "subdir", "tag"}
_PREFIXES = {"ref": "", "tag": "refs/tags/", "branch": "refs/heads/"}
"""Option -> what BuildKit puts in front of its value, if that is missing."""


_NEWER = "if a newer BuildKit has this option, name its frontend: `# syntax=docker/dockerfile:1`"


def is_repository(address: str) -> bool:
    """Return whether a source of `ADD` is the address of a Git repository.

    >>> is_repository("https://a.example/b.git#main"), is_repository("https://a.example/b?c=.git")
    (True, False)
    """
    return _GIT.match(address) is not None


def contradiction(address: str, checksum: str, *, keeps: bool | None) -> str:
    """Return why BuildKit rejects flags of an `ADD` that the options of its source contradict.

    Args:
        address: the source, without variables.
        checksum: the value of `--checksum`; empty if it has none, or one that is not known.
        keeps: the value of `--keep-git-dir`; None without the flag.

    >>> contradiction("https://a.example/b.git?checksum=1", "2", keeps=None)
    "--checksum and 'checksum' of a Git repository differ: '2' and '1'"
    """
    options, _ = _options(address)
    # With both, BuildKit takes one of them at random.
    own = {name: options[name][0] for name in ("checksum", "commit") if options.get(name)}
    if checksum and all(own.values()) and checksum not in own.values():
        for name, text in own.items():
            return f"--checksum and {name!r} of a Git repository differ: {checksum!r} and {text!r}"
    kept = options.get("keep-git-dir")
    if keeps is not None and kept and GO_BOOLEANS.get(kept[0] or "true") is not keeps:
        return "--keep-git-dir and 'keep-git-dir' of a Git repository differ"
    return ""


def unknown_option(address: str) -> tuple[str, str]:
    """Return why BuildKit rejects an option, and the help; empty if it knows all options.

    >>> unknown_option("https://a.example/b.git?brnch=c")
    ("unknown option 'brnch' of a Git repository", "did you mean 'branch'?")
    """
    name = next((name for name in _options(address)[0] if name not in _OPTIONS), None)
    if name is None:
        return "", ""
    help_ = did_you_mean(name, sorted(_OPTIONS), otherwise=_NEWER)
    return f"unknown option {name!r} of a Git repository", help_


def invalid_option(address: str) -> str:
    """Return why BuildKit rejects the known options of an address; empty if it does not.

    Args:
        address: a source of `ADD`, without variables.

    >>> invalid_option("https://a.example/b.git?branch=")
    "the option 'branch' of a Git repository has no value"
    """
    options, fragment = _options(address)
    known = {name: values for name, values in options.items() if name in _OPTIONS}
    reasons = (_invalid_values(name, values) for name, values in known.items())
    first = {name: values[0] for name, values in known.items()}
    return next(filter(None, reasons), "") or _conflict(first, fragment)


def _options(address: str) -> tuple[Mapping[str, list[str]], str]:
    """Return the options of an address with their values, and what follows `#`."""
    match = _GIT.match(address)
    query, _, fragment = address[match.end() :].partition("#") if match else ("", "", "")
    values: dict[str, list[str]] = {}
    for pair in query[1:].split("&"):
        name, _, value = pair.partition("=")
        if pair and ";" not in pair and _is_escaped(pair):  # Go ignores the others
            values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return values, fragment


def _is_escaped(pair: str) -> bool:
    return re.search(r"%(?![0-9A-Fa-f]{2})", pair) is None


def _invalid_values(name: str, values: list[str]) -> str:
    if len(values) > 1:
        return f"the option {name!r} of a Git repository has several values"
    if name in _BOOLEANS:
        is_valid = not values[0] or values[0] in GO_BOOLEANS
        return "" if is_valid else f"invalid value for the option {name!r}: {values[0]!r}"
    return "" if values[0] else f"the option {name!r} of a Git repository has no value"


def _conflict(options: Mapping[str, str], fragment: str) -> str:
    """Return which options, or parts of `#ref:folder`, name different things."""
    ref, _, subdir = fragment.partition(":")
    names = {"#": ref} if ref else {}
    for name, prefix in _PREFIXES.items():
        if name in options:
            names[name] = f"{prefix}{options[name].removeprefix(prefix)}"
    if len(set(names.values())) > 1:
        return f"{' and '.join(map(repr, names))} of a Git repository name different revisions"
    if subdir and options.get("subdir", subdir) != subdir:
        return "'#' and 'subdir' of a Git repository name different folders"
    return ""
