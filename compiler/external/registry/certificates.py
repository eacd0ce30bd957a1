"""Load the machine's and Docker's certificates for TLS connections to a registry.

Trusted are the machine's certificate authorities, and those in Docker's settings for this registry
alone, in the folder `certs.d/HOST`: `*.crt` are authorities, `NAME.cert` with `NAME.key` is a
client certificate.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import truststore
from requests.adapters import HTTPAdapter

from compiler.external.registry.docker_settings import settings_folder
from compiler.external.registry.parallel import MAX_WORKERS


SYSTEM_SETTINGS = Path("/etc/docker")
"""Docker's settings for the whole machine."""


class CertificateError(Exception):
    """A certificate in Docker's settings cannot be used."""


class TlsAdapter(HTTPAdapter):
    """Connects to one registry with its own certificates."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_maxsize=MAX_WORKERS)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Use the certificates for direct connections."""
        super().init_poolmanager(*args, **more, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """Use the certificates for connections through a proxy."""
        return super().proxy_manager_for(proxy, **more, ssl_context=self._context)


def tls_adapter(host: str, environment: Mapping[str, str]) -> TlsAdapter:
    """Return the adapter for a registry.

    Args:
        host: the host with its port, in lower case: Docker names the folder `certs.d/HOST` like
            this, as in tags.
        environment: defines the location of Docker's settings.

    Raises:
        CertificateError: a file in Docker's settings is invalid or cannot be read.
    """
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for folder in _certificate_folders(host, environment):
        for file in sorted(folder.glob("*")):
            try:
                if file.suffix == ".crt":
                    context.load_verify_locations(file)
                elif file.suffix == ".cert":
                    context.load_cert_chain(file, file.with_suffix(".key"))
            except ssl.SSLError:
                raise CertificateError(f"invalid PEM certificate: {file}") from None
            except OSError as error:
                reason = error.strerror or str(error)
                raise CertificateError(f"cannot read certificate {file}: {reason}") from None
    return TlsAdapter(context)


def _certificate_folders(host: str, environment: Mapping[str, str]) -> Iterator[Path]:
    home = environment.get("HOME") or os.path.expanduser("~")
    config = environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
    for settings in (SYSTEM_SETTINGS, Path(f"{config}/docker"), settings_folder(environment)):
        folders = settings.joinpath("certs.d").glob("*")
        yield from sorted(folder for folder in folders if folder.name.lower() == host.lower())
