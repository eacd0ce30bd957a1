"""Run the user's credential helpers, the programs `docker-credential-NAME`."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from compiler.external.json_object import MAX_QUOTE, load_object
from compiler.external.limited_process import LimitError, run_limited


_TOKEN_USER = "<token>"  # noqa: S105 - the user name of helpers whose secret is an identity token
ACCESS_TOKEN = re.compile(r"[\x21-\x7e]+\Z")
"""What an access token consists of: it becomes part of a header."""
_HELPER_TIMEOUT = 60
_MAX_OUTPUT = 2**20
_NOT_STORED = "credentials not found"
"""What a helper prints if it has no credentials for a registry; it then fails as well."""


class InvalidSettingsError(Exception):
    """Docker's settings are invalid, or the credential helper that they name fails."""

    def __init__(self, message: str, help_: str) -> None:
        super().__init__(message)
        self.message, self.help = message, help_


class Credentials(NamedTuple):
    """A user's credentials for one registry."""

    user: str
    secret: str
    identity_token: str = ""
    """A token that is exchanged for access tokens, instead of user and secret."""
    registry_token: str = ""
    """An access token, which is sent to the registry as it is."""
    helper: str = ""
    """The credential helper that has returned them; empty if settings contain them."""


def valid_text(credentials: Credentials) -> Credentials:
    """Return credentials that can be sent.

    Raises:
        ValueError: they contain half of a surrogate pair, which JSON can escape, or the token for
            the registry is not a word of ASCII.
    """
    "".join(credentials).encode()
    if credentials.registry_token and not ACCESS_TOKEN.match(credentials.registry_token):
        raise ValueError("no token")
    return credentials


def run_helper(helper: str, key: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return the credentials that a helper has for a key; None if it has none."""
    program = f"docker-credential-{helper}"
    named = f"credential helper {program}"
    remedy = "correct the helper, or the name in `credsStore` or `credHelpers` of config.json"
    try:
        completed = run_limited(
            [program, "get"],
            environment=environment,
            cwd=".",
            timeout=_HELPER_TIMEOUT,
            max_output=_MAX_OUTPUT,
            content=key.encode(),
        )
    except FileNotFoundError:
        raise InvalidSettingsError(
            f"{named} is not on PATH",
            "install it, or remove its name from `credsStore` or `credHelpers` of config.json",
        ) from None
    except LimitError as error:
        raise InvalidSettingsError(f"{named} was stopped: {error}", remedy) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidSettingsError(f"cannot run {named}: {reason}", remedy) from None
    if completed.code:
        output = completed.stdout.strip() or completed.stderr.strip()
        message = " ".join(output.decode(errors="replace").split())[:MAX_QUOTE]
        if message.startswith(_NOT_STORED):
            return None
        printable = "".join(character for character in message if character.isprintable())
        raise InvalidSettingsError(
            f"{named} failed: {printable or f'exit code {completed.code}'}", remedy
        )
    response = load_object(completed.stdout)
    if response is None:
        raise InvalidSettingsError(f"{named} did not print a JSON object", remedy)
    if not response.get("Secret"):
        return None
    user, secret = str(response.get("Username", "")), str(response["Secret"])
    credentials = Credentials(user, secret, helper=helper)
    if user == _TOKEN_USER:
        credentials = Credentials("", "", secret, helper=helper)
    try:
        return valid_text(credentials)
    except ValueError:
        raise InvalidSettingsError(f"{named} printed text that is not Unicode", remedy) from None
