"""Find the files of a project by globs; imports nothing slow, because up-to-date runs use it.

Hidden files, links, and what is in a hidden folder or behind a link are never found.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable

from compiler.source.globs import glob_matches


_WILD = re.compile(r"[*?\[]")


def disk_entries(folder: str) -> Iterable[tuple[str, int]]:
    """Return the names in a folder of the disk, each with its type."""
    with os.scandir(folder) as entries:
        return [
            (
                entry.name,
                stat.S_IFDIR
                if entry.is_dir(follow_symlinks=False)
                else stat.S_IFREG
                if entry.is_file(follow_symlinks=False)
                else 0,
            )
            for entry in entries
        ]


def find_files(
    root: str | os.PathLike[str],
    pattern: str,
    entries: Callable[[str], Iterable[tuple[str, int]]] = disk_entries,
) -> list[str]:
    """Return the regular files below a folder that match a glob, in the order of their bytes.

    Args:
        root: the folder.
        pattern: a path relative to it. `*`, `?` and `[...]` match inside one name, `**` matches
            any number of folders.
        entries: returns the names in a folder, each with its type as in `st_mode`.
    """
    steps = [step for step in pattern.split("/") if step != "."]
    paths: set[str] = set()
    pending = [("", tuple(steps))]
    seen = set(pending)
    while pending:
        folder, (step, *rest) = pending.pop()
        following = []
        if step == "**" and rest:
            following.append((folder, tuple(rest)))
        here = os.path.join(root, folder.removesuffix("/")) if folder else root
        for name, kind in _visible(os.fspath(here), entries):
            path = f"{folder}{name}"
            if step != "**" and not glob_matches(name, step):
                continue
            if stat.S_ISDIR(kind):
                if step == "**" or rest:
                    following.append((f"{path}/", (step, *rest) if step == "**" else tuple(rest)))
            elif not rest and stat.S_ISREG(kind):
                paths.add(path)
        pending += [folder for folder in following if folder not in seen]
        seen.update(following)
    return sorted(paths, key=os.fsencode)


def is_glob(pattern: str) -> bool:
    """Return whether a path has wildcards."""
    return _WILD.search(pattern) is not None


def _visible(
    folder: str, entries: Callable[[str], Iterable[tuple[str, int]]]
) -> list[tuple[str, int]]:
    """Return the names in a folder that are not hidden; nothing if it cannot be read."""
    try:
        return [(name, kind) for name, kind in entries(folder) if name[:1] != "."]
    except OSError:
        return []
