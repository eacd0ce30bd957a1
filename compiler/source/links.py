"""Follow symbolic links in a build context as BuildKit does: they never leave the context."""

import stat
from collections.abc import Callable, Iterator, Sequence

from compiler.source.file_system import FileSystem


_MOST_LINKS = 255
"""Links that BuildKit follows for one path."""
_LONGEST = 4096
"""Characters of the longest path that exists."""


def link_target(disk: FileSystem, path: str) -> str | None:
    """Return the target of a link; None for anything else."""
    try:
        return disk.link(path) if stat.S_ISLNK(disk.mode(path)) else None
    except OSError:
        return None


def followed(disk: FileSystem, root: str, path: str) -> str:
    """Return the path that a path leads to; itself if it is too long or has too many links.

    Args:
        disk: what is read.
        root: the folder of the context, without links in its path.
        path: relative to it; so is the result. Nothing has to exist.
    """
    remaining, done, links = path.split("/"), list[str](), 0
    if len(path) > _LONGEST:
        return path
    while remaining:
        part = remaining.pop(0)
        if part == "..":
            del done[-1:]
            continue
        here = "/".join([*done, part])
        target = link_target(disk, f"{root}/{here}")
        if target is None:
            done.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            return here
        if target.startswith("/"):
            done.clear()
        remaining[:0] = [step for step in target.split("/") if step not in {"", "."}]
    return "/".join(done)


def matching_links(
    disk: FileSystem, root: str, parts: Sequence[Callable[[str], bool]]
) -> Iterator[str]:
    """Yield the links in a folder whose paths match a pattern; links above them are not followed.

    Args:
        disk: what is read.
        root: the folder, without links in its path.
        parts: for each part of the pattern, whether it matches a name.
    """
    folders = [("", 0)]
    while folders:
        folder, depth = folders.pop()
        for name, kind in disk.entries(f"{root}/{folder}" if folder else root):
            if not parts[depth](name):
                continue
            path = f"{folder}/{name}" if folder else name
            if depth == len(parts) - 1:
                if stat.S_ISLNK(kind):
                    yield path
            elif stat.S_ISDIR(kind):
                folders.append((path, depth + 1))
