"""Read `lock` of matrix.yaml: the mirror of base images, and whether builds get a policy."""

from collections.abc import Mapping
from typing import Any

from compiler.matrix.matrix import LockSettings, Variable
from compiler.matrix.model import LockOptions
from compiler.matrix.reader import Reader
from compiler.matrix.repositories import read_repository


def read_lock_settings(
    lock: LockOptions | None,
    data: Mapping[str, Any],
    variables: Mapping[str, Variable],
    reader: Reader,
) -> LockSettings:
    """Return how base images are locked, and report errors."""
    if lock is None:
        return LockSettings()
    mirror = read_repository(
        lock.mirror,
        ("lock", "mirror"),
        "registry.example.com/bases",
        data=data,
        variables=variables,
        reader=reader,
    )
    return LockSettings(mirror=mirror, policy=lock.policy)
