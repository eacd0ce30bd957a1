"""Requests to registries: with the user's logins, tried again when a fault passes.

Safe to use from several threads at once; no secret is ever in an error.
"""

import base64
import re
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from urllib.parse import urlsplit

import requests

from compiler.external.references import canonical_tag
from compiler.external.registry.certificates import TrustError, trusting
from compiler.external.registry.credentials import HUB, login
from compiler.external.registry.responses import NO_NAME, RegistryError, refusal, short, told


PLAIN = "COMPILE_MATRIX_PLAIN_HTTP"
"""Names registries, with commas between, that speak HTTP without TLS beside those on loopback."""
ATTEMPTS = 8
"""How often one request is sent while faults that pass keep it from an answer."""
PATIENCE = 60.0
"""Seconds until an answer must begin."""
_LONGEST = 15.0
"""Seconds between two attempts, at most; a registry may ask for up to a minute."""
_ASKED_FOR = 60.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_FIELD = re.compile(r'(\w+)="([^"]*)"')
_NAMED = 3
"""Attempts where a name is not known: a misspelt one will not be."""
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\Z")


GIVEN_UP: ContextVar[threading.Event] = ContextVar("GIVEN_UP")
"""In a thread beside others: is set when nobody waits for its answers; nothing is tried again."""


class Sender:
    """Sends requests, and remembers what registries want to see."""

    def __init__(self, environment: Mapping[str, str], attempts: int = ATTEMPTS) -> None:
        """Take the environment, and how often a request is sent.

        The environment says where Docker's settings are, and which registries are plain.
        """
        self._environment, self._attempts = environment, attempts
        self._plain = {name.strip() for name in environment.get(PLAIN, "").split(",")} - {""}
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._passes: dict[tuple[str, str], str] = {}
        self.requests = 0
        """How many were sent."""

    def ask(
        self,
        method: str,
        repository: str,
        rest: str,
        *,
        accept: str = "*/*",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response | None:
        """Return the answer; None where the registry says that there is no such thing."""
        host, path = split_repository(repository)
        url = rest if "://" in rest else f"{self.address(host)}/v2/{path}/{rest}"
        given = {"Accept": accept, **(headers or {})}

        def send() -> requests.Response:
            return self._authorised(method, host, path, url, given, body)

        answer = self._patiently(send, host)
        if answer.status_code == requests.codes.not_found:
            return None
        if not answer.ok:
            known = login(host, self._environment) is not None
            raise RegistryError(f"{host} {refusal(answer, method, repository, known=known)}")
        return answer

    def _patiently(self, send: Callable[[], requests.Response], host: str) -> requests.Response:
        for attempt in range(1, self._attempts + 1):
            wait = min(0.25 * 2.0**attempt, _LONGEST)
            try:
                answer = send()
            except requests.exceptions.SSLError:
                raise RegistryError(
                    f"{host} does not speak TLS that is trusted here: trust its authority on this "
                    f"machine, or for Docker in certs.d/{host}/ca.crt; "
                    f"where it is plain HTTP name it in {PLAIN}"
                ) from None
            except TrustError as error:
                raise RegistryError(str(error)) from None
            except requests.RequestException as error:
                why = short(error)
                if attempt == self._attempts or (why == NO_NAME and attempt >= _NAMED):
                    raise RegistryError(f"{host} does not answer: {why}") from None
            else:
                if answer.status_code not in _PASSING or attempt == self._attempts:
                    return answer
                asked = answer.headers.get("Retry-After", "")
                wait = min(float(asked), _ASKED_FOR) if asked.isdigit() else wait
            if _pause(wait):
                raise RegistryError(f"{host} does not answer, and is not asked again")
        raise AssertionError  # the last attempt returned or raised

    def _authorised(
        self,
        method: str,
        host: str,
        path: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> requests.Response:
        """Send a request, with what the registry wants to see if it asks for that."""
        scope = f"{path}:{'pull' if method in {'GET', 'HEAD'} else 'pull,push'}"
        here = urlsplit(url).netloc == urlsplit(self.address(host)).netloc
        pass_ = self._passes.get((host, scope), "") if here else ""
        answer = self._send(method, url, headers, pass_, body)
        if answer.status_code != requests.codes.unauthorized or not here:
            return answer
        pass_ = self._pass(host, answer.headers.get("WWW-Authenticate", ""), scope)
        if not pass_:
            return answer
        with self._lock:
            self._passes[host, scope] = pass_
        return self._send(method, url, headers, pass_, body)

    def _pass(self, host: str, challenge: str, scope: str) -> str:
        """Return the header that answers a registry's challenge; empty if there is none."""
        known = login(host, self._environment)
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            return f"Basic {_basic(known.user, known.secret)}" if known else ""
        fields = dict(_FIELD.findall(rest))
        realm = fields.get("realm", "")
        if scheme.lower() != "bearer" or not realm.startswith(("https://", "http://")):
            return ""
        if realm.startswith("http://") and self.address(host).startswith("https://"):
            return ""  # a secret does not go where anyone can read it
        asked = {"service": fields.get("service", ""), "scope": f"repository:{scope}"}
        if known and known.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": known.identity_token,
                "client_id": "compile-matrix",
                **asked,
            }
            answer = self._session(realm).post(realm, data=form, timeout=PATIENCE)
        else:
            said = {"Authorization": f"Basic {_basic(*known[:2])}"} if known else {}
            session = self._session(realm)
            answer = session.get(realm, params=asked, headers=said, timeout=PATIENCE)
        if answer.status_code in _PASSING:
            raise requests.RequestException(f"its tokens' server: {answer.status_code}")
        if not answer.ok:
            return ""
        found = told(answer, host)
        token = found.get("token") or found.get("access_token") or ""
        return f"Bearer {token}" if token else ""

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], pass_: str, body: bytes | None
    ) -> requests.Response:
        given = {**headers, "Authorization": pass_} if pass_ else headers
        with self._lock:
            self.requests += 1
        return self._session(url).request(method, url, headers=given, data=body, timeout=PATIENCE)

    def _session(self, url: str) -> requests.Session:
        """Return this thread's session: proxies of the environment, but not to this machine."""
        host = urlsplit(url).netloc
        near = _LOOPBACK.match(host) is not None
        name = "near" if near else "far"
        found: requests.Session | None = getattr(self._threads, name, None)
        if found is None:
            found = requests.Session()
            found.trust_env = not near
            found.auth = _unchanged  # else ~/.netrc would take the header's place
            found.headers["User-Agent"] = "compile-matrix"
            setattr(self._threads, name, found)
        if url.startswith("https://") and (place := f"https://{host}/") not in found.adapters:
            found.mount(place, trusting(host, self._environment))
        return found

    def address(self, host: str) -> str:
        """Return where a registry is spoken to."""
        plain = host in self._plain or _LOOPBACK.match(host) is not None
        name = "registry-1.docker.io" if host == HUB else host
        return f"{'http' if plain else 'https'}://{name}"


def _pause(seconds: float) -> bool:
    """Wait before another attempt; tell whether nobody waits for that any more."""
    return GIVEN_UP.get(threading.Event()).wait(seconds)


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def split_repository(repository: str) -> tuple[str, str]:
    """Return host and path of a repository.

    >>> split_repository("acme/server"), split_repository("localhost:5000/a")
    (('docker.io', 'acme/server'), ('localhost:5000', 'a'))
    """
    full = canonical_tag(f"{repository}:latest")
    if full is None:
        raise RegistryError(f"{repository!r} is no repository")
    host, _, path = full.rpartition(":")[0].partition("/")
    return host, path


def _basic(user: str, secret: str) -> str:
    return base64.b64encode(f"{user}:{secret}".encode()).decode()
