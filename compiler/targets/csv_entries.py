"""Read entries of bake's fields such as `type=env,id=token`, which are lines of CSV."""

import csv
from collections.abc import Mapping


ACCESS: Mapping[str, str] = {"secret": "secret", "ssh": "SSH agent"}
"""The fields that give steps access to what is not an input of the build -> what an entry is."""


def cells(text: str) -> list[str]:
    r"""Return the columns of a CSV line; nothing if an unquoted line break ends it early.

    >>> cells('type=local,"dest=a,b"'), cells("type=local,dest=a\nb")
    (['type=local', 'dest=a,b'], [])
    """
    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        return []


def key_values(text: str) -> dict[str, str]:
    """Return the pairs of `key=value,key=value`, with keys in lower case.

    >>> key_values("type=env, ID=token")
    {'type': 'env', 'id': 'token'}
    """
    pairs = (cell.partition("=") for cell in cells(text))
    return {key.strip().lower(): value for key, _, value in pairs}


def access_id(field: str, entry: str) -> str:
    """Return the identifier by which a step mounts an entry of `secret` or `ssh`.

    It is empty if the entry has none.

    >>> access_id("secret", "type=env,id=token,env=TOKEN"), access_id("ssh", "git=/run/a.sock")
    ('token', 'git')
    """
    return entry.partition("=")[0] if field == "ssh" else key_values(entry).get("id", "")
