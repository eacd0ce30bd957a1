"""Read the bodies of responses: at once, or piece by piece."""

import requests
from urllib3 import BaseHTTPResponse, exceptions

from compiler.external.registry.deadlines import restart_deadline
from compiler.external.registry.responses import UnexpectedResponseError


_CHUNK = 2**16


class OpenBody:
    """A body that is read piece by piece; each piece has as much time as a whole response."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        """Take a response of which the headers were read."""
        self._response = response

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; see `responses.Body`."""
        restart_deadline(self._response)
        content = bytearray()
        try:
            while missing := size - len(content):
                chunk = self._response.read1(min(_CHUNK, missing), decode_content=False)
                if not chunk:
                    break
                content += chunk
        except exceptions.HTTPError as error:
            raise connection_error(error) from None
        return bytes(content)

    def close(self) -> None:
        """Close the connection, unless the body was read completely."""
        self._response.close()


def read_body(response: BaseHTTPResponse, limit: int) -> bytes:
    """Read a body within the limit of its size; see `deadlines` for that of its time."""
    content = bytearray()
    try:
        while chunk := response.read1(_CHUNK, decode_content=False):
            content += chunk
            if len(content) > limit:
                raise UnexpectedResponseError(f"it exceeds {limit / 2**20:g} MiB")
    except exceptions.HTTPError as error:
        raise connection_error(error) from None
    return bytes(content)


def connection_error(error: Exception) -> requests.RequestException:
    """Return the error of `requests` for an error of urllib3 that another attempt may avoid."""
    timeout = isinstance(error, exceptions.TimeoutError) and not isinstance(
        error, exceptions.NewConnectionError
    )
    kind = requests.exceptions.Timeout if timeout else requests.exceptions.ConnectionError
    return kind(str(error))
