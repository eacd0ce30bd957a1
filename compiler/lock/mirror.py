"""Name the copies of base images in a mirror, and let builds read base images there.

Dockerfiles keep the names and digests of the original images. A named context replaces each of them
by its copy, which has the same digest.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from compiler.external.references import canonical_tag, familiar, split_repository, split_tag
from compiler.lock.base_images import IMAGE, Base
from compiler.lock.pin_text import Pinned
from compiler.matrix.bake_strings import substitute
from compiler.matrix.matrix import Matrix
from compiler.render.frontends import SYNTAX


_NOT_IN_PATH = re.compile(r"[^a-z0-9.-]+")
_TAG_LENGTH = 115
"""Characters of the original tag in the tag of a copy; 128 are allowed in all."""
_DIGITS = 12
"""Hexadecimal digits of the digest in the tag of a copy."""


def resolved_mirror(matrix: Matrix, variables: Mapping[str, str]) -> str:
    """Return the prefix of the mirror's repositories; empty without a mirror.

    Args:
        matrix: the matrix.
        variables: bake variable -> its value.
    """
    return substitute(matrix.lock.mirror, variables)


class Copy(NamedTuple):
    """A copy of a base image in a mirror."""

    repository: str
    tag: str
    """It names one digest only, so that no registry deletes a copy that a release needs."""
    digest: str

    @property
    def reference(self) -> str:
        """Return its name with tag and digest."""
        return f"{self.repository}:{self.tag}@{self.digest}"


def copy_in(mirror: str, image: str, digest: str) -> Copy:
    """Return the copy of an image in a mirror.

    Args:
        mirror: the prefix of its repositories; it may contain bake variables.
        image: the valid name of the original, with or without a tag.
        digest: its digest.

    >>> copy_in("reg.example.com/bases", "python:3.11", f"sha256:{'0' * 64}")[:2]
    ('reg.example.com/bases/docker.io/library/python', '3.11-000000000000')
    """
    repository, tag = split_tag(canonical_tag(image) or image)
    host, path = split_repository(repository) or ("", repository)
    folder = _NOT_IN_PATH.sub("_", host.lower()).strip("_.-")
    short = digest.removeprefix("sha256:")[:_DIGITS]
    return Copy(f"{mirror}/{folder}/{path}", f"{tag[:_TAG_LENGTH]}-{short}", digest)


def redirected(pinned: Pinned, mirror: str, digest: Callable[[str], str | None]) -> Pinned:
    """Return a pinned Dockerfile whose images are read from a mirror.

    Args:
        pinned: the Dockerfile, and how its images are pinned.
        mirror: the prefix of the mirror's repositories, in bake's syntax.
        digest: returns the digest of a locked image.
    """
    contexts: dict[str, str] = {}
    frontend = ""
    for base in pinned.bases:
        locked = digest(base.image) if is_mirrored(base) else None
        if locked is None:
            continue
        copy = copy_in(mirror, base.image, locked).reference
        if base.frontend:
            frontend = frontend if base.argument != SYNTAX and frontend else copy
            continue
        original = f"{base.image}@{locked}"
        names = [name for name, value in pinned.contexts.items() if value == original]
        contexts |= dict.fromkeys(names or [f"{_short(base.image)}@{locked}"], copy)
    return replace(pinned, contexts={**pinned.contexts, **contexts}, frontend=frontend)


def is_mirrored(base: Base) -> bool:
    """Return whether an image is read from the mirror if it is locked.

    An image whose name contains a bake variable is not: it is in a registry of the user's choice.
    """
    return not base.fault and not base.opened


def _short(image: str) -> str:
    """Return a name as BuildKit looks for the named context of an image with a digest.

    >>> _short("docker.io/library/python:latest"), _short("python"), _short("a.b/c:1")
    ('python:latest', 'python', 'a.b/c:1')
    """
    name = familiar(image)
    has_tag = ":" in image.rpartition("/")[2]
    return name if has_tag else name.removesuffix(":latest")


def without_mirror(fields: Mapping[str, Any], mirror: str) -> Mapping[str, Any]:
    """Return the fields of a target as they are without a mirror, but for the names of copies.

    Copies have the digests of their originals, so a mirror does not change an image.

    Args:
        fields: the fields of a target, with resolved variables.
        mirror: the prefix of the mirror's repositories, with resolved variables; may be empty.
    """
    if not mirror:
        return fields
    prefix = f"{mirror}/"
    changed = dict(fields)
    contexts, args = fields.get("contexts"), fields.get("args")
    if isinstance(contexts, Mapping):
        changed["contexts"] = {
            key: value.replace(f"{IMAGE}{prefix}", IMAGE, 1)
            for key, value in contexts.items()
            if not ("@" in key and value.startswith(f"{IMAGE}{prefix}"))
        }
    if isinstance(args, Mapping) and SYNTAX in args:
        changed["args"] = {**args, SYNTAX: args[SYNTAX].removeprefix(prefix)}
    return changed
