"""Follow symbolic links in a build context as BuildKit does: they never leave the context."""

import os


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
