"""Read `lock` of matrix.yaml: the mirror of base images, who must have signed them, the policy."""

from collections.abc import Mapping
from typing import Any

from compiler.matrix.matrix import LockSettings, Variable
from compiler.matrix.model import LockOptions
from compiler.matrix.reader import Reader
from compiler.matrix.repositories import read_repository
from compiler.matrix.signing import read_verify
from compiler.source.project_files import Files


def read_lock_settings(
    lock: LockOptions | None,
    data: Mapping[str, Any],
    variables: Mapping[str, Variable],
    *,
    files: Files,
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
    verify = read_verify(lock.verify, files, reader)
    return LockSettings(mirror=mirror, policy=lock.policy, verify=verify)
