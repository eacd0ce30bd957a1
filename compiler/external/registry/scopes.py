"""The access that a request to a registry needs."""

from typing import NamedTuple


DOCKER_HUB = "docker.io"
_HUB_SERVER = "registry-1.docker.io"
READ = frozenset({"pull"})
WRITE = frozenset({"pull", "push"})
_DELETE = frozenset({"pull", "delete"})


class Scope(NamedTuple):
    """A repository, and what a request does to it."""

    host: str
    """The registry."""
    repository: str
    """The path of the repository."""
    actions: frozenset[str] = READ
    """The actions, as token servers name them."""
    pull_from: str = ""
    """The path of another repository of the registry that is read, too."""

    @property
    def text(self) -> str:
        """The scope as token servers take it.

        >>> Scope("r.example", "acme/app", frozenset({"pull", "push"}), "acme/base").text
        'repository:acme/app:pull,push repository:acme/base:pull'
        """
        actions = ",".join(sorted(self.actions, key=lambda action: (action != "pull", action)))
        source = f" repository:{self.pull_from}:pull" if self.pull_from else ""
        return f"repository:{self.repository}:{actions}{source}"


def required_actions(method: str, path: str) -> frozenset[str]:
    """Return the actions that a request needs permission for.

    To cancel an upload counts as writing.

    Args:
        method: the HTTP method.
        path: the path within the repository, or a complete URL.
    """
    if method in {"GET", "HEAD"}:
        return READ
    is_deletion = method == "DELETE" and path.startswith("manifests/")
    return _DELETE if is_deletion else WRITE


def server_name(host: str) -> str:
    """Return the host to which requests to a registry are sent."""
    return _HUB_SERVER if host == DOCKER_HUB else host
