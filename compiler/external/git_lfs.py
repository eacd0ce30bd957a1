"""Git LFS pointers, which a repository has in the place of large files."""

import os
import stat
from hashlib import file_digest


POINTER_BYTES = 1024
"""A pointer is shorter."""
_START = b"version https://git-lfs.github.com/spec/v1\n"


def is_pointer_to(content: bytes, path: str) -> bool:
    """Return whether some content is the pointer to a file of the working tree.

    The file counts only if no link leads to it.
    """
    if not content.startswith(_START) or len(content) >= POINTER_BYTES:
        return False
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode) or os.path.realpath(path) != path:
            return False
        with open(path, "rb") as file:
            content_id = file_digest(file, "sha256").hexdigest()
    except OSError:
        return False
    return f"\noid sha256:{content_id}\n".encode() in content
