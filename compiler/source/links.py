"""Follow symbolic links in a build context as BuildKit does: they never leave the context."""

import os
from collections.abc import Callable, Iterator, Sequence


_MOST_LINKS = 255
"""Links that BuildKit follows for one path."""
_LONGEST = 4096
"""Characters of the longest path that exists."""


def followed(root: str, path: str) -> str:
    """Return the path that a path leads to; itself if it is too long or has too many links.

    Args:
        root: the folder of the context.
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
        full = os.path.join(root, here)
        if not os.path.islink(full):
            done.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            return here
        target = os.readlink(full)
        if target.startswith("/"):
            done.clear()
        remaining[:0] = [step for step in target.split("/") if step not in {"", "."}]
    return "/".join(done)


def matching_links(root: str, parts: Sequence[Callable[[str], bool]]) -> Iterator[str]:
    """Yield the links in a folder whose paths match a pattern; links above them are not followed.

    Args:
        root: the folder.
        parts: for each part of the pattern, whether it matches a name.
    """
    folders = [("", 0)]
    while folders:
        folder, depth = folders.pop()
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in entries:
                if not parts[depth](entry.name):
                    continue
                path = os.path.join(folder, entry.name)
                if depth == len(parts) - 1:
                    if entry.is_symlink():
                        yield path
                elif entry.is_dir(follow_symlinks=False):
                    folders.append((path, depth + 1))
