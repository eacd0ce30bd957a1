"""Registries for previews: only requests that read are sent."""

from collections.abc import Mapping
from typing import Any

from compiler.external.registry.client import Registries
from compiler.external.registry.http import ATTEMPTS
from compiler.external.registry.uploads import Uploads


_READING = frozenset({"GET", "HEAD"})


class ReadOnlyRegistries(Registries):
    """Registries in which nothing is written, not even an upload that would be cancelled.

    Some registries deny reading a repository that does not exist. Whether it is missing or access
    is denied can only be found out by writing, so such a repository counts as missing.
    """

    def __init__(self, environment: Mapping[str, str], attempts: int = ATTEMPTS) -> None:
        """Create a client; see `HttpClient`."""
        super().__init__(environment, attempts)
        self._send = self._request
        self._request = self._read_only
        self._uploads = Uploads(self._read_only)
        self._denied: dict[str, None] = {}

    @property
    def denied(self) -> tuple[str, ...]:
        """Return the repositories that count as missing although access to them was denied."""
        return tuple(self._denied)

    def check_writable(self, repository: str) -> None:
        """Note that reading was denied, instead of starting an upload to find out why."""
        self._denied[repository] = None

    def _read_only(self, method: str, *arguments: Any, **options: Any) -> Any:
        if method not in _READING:
            raise RuntimeError(f"a preview must not send {method}")
        return self._send(method, *arguments, **options)
