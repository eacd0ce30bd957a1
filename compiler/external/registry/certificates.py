"""The machine's and Docker's certificates -> how TLS with one registry is checked.

Takes a host and the environment; returns an adapter for the library of requests. Trusted are the
authorities of the machine, as the docker command trusts them, and those that Docker has for this
registry alone, in a folder `certs.d/HOST` of its settings: `*.crt` are authorities, `NAME.cert`
with `NAME.key` says who the user is.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import truststore
from requests.adapters import HTTPAdapter

from compiler.external.registry.credentials import settings_folder


SYSTEM = Path("/etc/docker")
"""Settings of Docker for the whole machine."""


class TrustError(Exception):
    """A certificate of Docker's settings cannot be used."""


class Trusting(HTTPAdapter):
    """Speaks TLS with one registry."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Use the context, where the registry is spoken to directly."""
        super().init_poolmanager(*args, **more, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """Use the context, where a proxy stands between."""
        return super().proxy_manager_for(proxy, **more, ssl_context=self._context)


def trusting(host: str, environment: Mapping[str, str]) -> Trusting:
    """Return the adapter for a registry.

    Args:
        host: with its port, as it stands in tags; Docker names the folder so.
        environment: says where Docker's settings are.

    Raises:
        TrustError: a file of Docker's settings is no certificate, or cannot be read.
    """
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for folder in _folders(host, environment):
        for file in sorted(folder.glob("*")):
            try:
                if file.suffix == ".crt":
                    context.load_verify_locations(file)
                elif file.suffix == ".cert":
                    context.load_cert_chain(file, file.with_suffix(".key"))
            except ssl.SSLError:
                raise TrustError(f"{file} is no certificate, or not in PEM") from None
            except OSError as error:
                raise TrustError(f"{file} cannot be used: {error.strerror}") from None
    return Trusting(context)


def _folders(host: str, environment: Mapping[str, str]) -> Iterator[Path]:
    home = environment.get("HOME") or os.path.expanduser("~")
    rootless = Path(f"{environment.get('XDG_CONFIG_HOME') or f'{home}/.config'}/docker")
    for settings in (SYSTEM, rootless, settings_folder(environment)):
        yield settings / "certs.d" / host
