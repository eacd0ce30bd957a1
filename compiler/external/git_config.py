"""The settings that Git gets to know: none of them names a program or a remote."""

import os
import re
from collections.abc import Iterable, Iterator


Setting = tuple[str, str, str, str]
"""Section, subsection, key and value."""

_CORE = frozenset(
    {
        *("repositoryformatversion", "filemode", "symlinks", "ignorecase", "precomposeunicode"),
        *("autocrlf", "eol", "sparsecheckout", "sparsecheckoutcone", "trustctime", "checkstat"),
    }
)
_EXTENSIONS = frozenset({"objectformat", "compatobjectformat", "refstorage"})
_USER = frozenset(
    {"core.autocrlf", "core.eol", "core.excludesfile", "core.attributesfile"},
)
"""Settings of the user that decide what is ignored and how lines end."""
_ALWAYS: tuple[Setting, ...] = (
    ("core", "", "bare", "false"),
    ("core", "", "hooksPath", os.devnull),
    ("core", "", "fsmonitor", "false"),
    ("protocol", "", "allow", "never"),
)

_HEADER = re.compile(r'\s*\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]\s*')
_ENTRY = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*([^#;]*?)\s*(?:[#;].*)?)?$")
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/*+^@ -]{0,200}")
"""Values that are copied: no quotes, no escapes, no line ends."""


def repository_settings(config: bytes) -> list[Setting]:
    """Return the settings of a repository's configuration file that are copied.

    Lines that are not plain, and included files, are ignored.
    """
    settings: list[Setting] = []
    section = subsection = ""
    for line in config.decode(errors="replace").splitlines():
        header = _HEADER.match(line)
        rest = line
        if header:
            section, subsection = header[1].lower(), header[2] or ""
            rest = line[header.end() :]
        entry = _ENTRY.match(rest)
        if not entry:
            continue
        key, value = entry[1].lower(), "true" if entry[2] is None else entry[2]
        value = value.removeprefix('"').removesuffix('"')
        if _is_copied(section, subsection, key) and _PLAIN.fullmatch(value):
            settings.append((section, subsection, key, value))
    return settings


def _is_copied(section: str, subsection: str, key: str) -> bool:
    if subsection:  # What the names @{upstream} and origin refer to, without any address.
        named = {("branch", "remote"), ("branch", "merge"), ("remote", "fetch")}
        return (section, key) in named and _PLAIN.fullmatch(subsection) is not None
    return (section == "core" and key in _CORE) or (section == "extensions" and key in _EXTENSIONS)


def user_settings(listed: bytes) -> Iterator[Setting]:
    """Yield the settings that are copied from the output of `git config --null --list`.

    The files of ignore rules and attributes that Git reads by default count as settings.
    """
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    yield "core", "", "excludesfile", os.path.join(home, "git", "ignore")
    yield "core", "", "attributesfile", os.path.join(home, "git", "attributes")
    for name, value in _listed(listed):
        if name in _USER:
            section, _, key = name.partition(".")
            yield section, "", key, os.path.expanduser(value) if key.endswith("file") else value


def safe_directories(listed: bytes) -> list[str]:
    """Return the values of `safe.directory`; an empty one clears those before it."""
    values: list[str] = []
    for name, value in _listed(listed):
        if name == "safe.directory":
            values = [*values, value] if value else []
    return values


def _listed(listed: bytes) -> Iterator[tuple[str, str]]:
    for item in os.fsdecode(listed).split("\0"):
        name, newline, value = item.partition("\n")
        if newline:
            yield name.lower(), value


def settings_text(settings: Iterable[Setting]) -> bytes:
    """Return a configuration file of these settings, and of those that always hold."""
    lines = []
    for section, subsection, key, value in (*settings, *_ALWAYS):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        title = f'{section} "{subsection}"' if subsection else section
        lines.append(f'[{title}]\n\t{key} = "{quoted}"\n')
    return os.fsencode("".join(lines))
