"""What registries hold, over HTTP: manifests, tags, blobs; tried again when a fault passes.

Takes repositories as a user writes them (`acme/server`, `localhost:5000/acme/server`); promises
that "it is not there" is told apart from "the registry does not say", which is a `RegistryError`.
Safe to use from several threads at once.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests

from compiler.reference import canonical_tag
from compiler.registry.credentials import HUB, login


INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ACCEPT = f"{INDEX}, {_DOCKER_INDEX}, {MANIFEST}, {_DOCKER_MANIFEST}"

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
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\Z")


class RegistryError(Exception):
    """A registry refuses, or does not answer."""


class Manifest(NamedTuple):
    """A manifest or an index, as a registry holds it."""

    digest: str
    kind: str
    """Its media type."""
    content: bytes

    @property
    def data(self) -> Mapping[str, Any]:
        """What it says."""
        found = json.loads(self.content)
        return found if isinstance(found, dict) else {}


class Registries:
    """All registries that are asked, each with the user's own login."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take the environment: where Docker's settings are, and which registries are plain."""
        self._environment = environment
        self._plain = {name.strip() for name in environment.get(PLAIN, "").split(",")} - {""}
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._passes: dict[tuple[str, str], str] = {}
        self.requests = 0
        """How many were sent."""

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest that a tag or digest stands for; None if it is not there."""
        answer = self._ask("HEAD", repository, f"manifests/{reference}", accept=_ACCEPT)
        if answer is None:
            return None
        said = answer.headers.get("Docker-Content-Digest")
        if said:
            return said
        found = self.manifest(repository, reference)
        return found.digest if found else None

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return what a tag or digest stands for; None if it is not there."""
        answer = self._ask("GET", repository, f"manifests/{reference}", accept=_ACCEPT)
        if answer is None:
            return None
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        return Manifest(_digest(answer.content), kind, answer.content)

    def tags(self, repository: str) -> list[str]:
        """Return all tags of a repository; none if it is not there."""
        found: list[str] = []
        rest = "tags/list?n=1000"
        while rest:
            answer = self._ask("GET", repository, rest)
            if answer is None:
                break
            found += answer.json().get("tags") or []
            following = answer.links.get("next", {}).get("url", "")
            rest = f"tags/list?{urlsplit(following).query}" if following else ""
        return found

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return a blob's bytes; None if it is not there."""
        answer = self._ask("GET", repository, f"blobs/{digest}")
        return None if answer is None else answer.content

    def put(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Store a manifest under a tag; what it names must be there."""
        headers = {"Content-Type": manifest.kind}
        self._put(repository, f"manifests/{reference}", manifest.content, headers)

    def put_blob(self, repository: str, content: bytes) -> str:
        """Store a blob, and return its digest."""
        digest = _digest(content)
        if self._ask("HEAD", repository, f"blobs/{digest}") is None:
            place = self._begin(repository)
            joint = "&" if "?" in place else "?"
            headers = {"Content-Type": "application/octet-stream"}
            self._put(repository, f"{place}{joint}digest={digest}", content, headers)
        return digest

    def check_writable(self, repository: str) -> None:
        """Begin an upload and take it back, which leaves nothing.

        Raises:
            RegistryError: the user may not write there, or it does not answer.
        """
        place = self._begin(repository)
        try:
            self._ask("DELETE", repository, place)
        except RegistryError:
            return  # it may not know how to take it back; it forgets it by itself

    # --- Requests -------------------------------------------------------------------------------

    def _begin(self, repository: str) -> str:
        answer = self._ask("POST", repository, "blobs/uploads/")
        if answer is None or not answer.headers.get("Location"):
            raise RegistryError(f"{_host(repository)} takes nothing into {repository}")
        return urljoin(answer.url, answer.headers["Location"])

    def _put(self, repository: str, rest: str, body: bytes, headers: Mapping[str, str]) -> None:
        if self._ask("PUT", repository, rest, body=body, headers=headers) is None:
            raise RegistryError(f"{_host(repository)} takes nothing into {repository}")

    def _ask(
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
        host, path = _split(repository)
        url = rest if "://" in rest else f"{self._address(host)}/v2/{path}/{rest}"
        given = {"Accept": accept, **(headers or {})}

        def send() -> requests.Response:
            return self._authorised(method, host, path, url, given, body)

        answer = self._patiently(send, host)
        if answer.status_code == requests.codes.not_found:
            return None
        if not answer.ok:
            raise RegistryError(f"{host} {_refusal(answer, method, repository)}")
        return answer

    def _patiently(self, send: Callable[[], requests.Response], host: str) -> requests.Response:
        for attempt in range(1, ATTEMPTS + 1):
            wait = min(0.25 * 2.0**attempt, _LONGEST)
            try:
                answer = send()
            except requests.exceptions.SSLError:
                raise RegistryError(
                    f"{host} does not speak TLS that is trusted here; "
                    f"where it is plain HTTP name it in {PLAIN}"
                ) from None
            except requests.RequestException as error:
                if attempt == ATTEMPTS:
                    raise RegistryError(f"{host} does not answer: {_short(error)}") from None
            else:
                if answer.status_code not in _PASSING or attempt == ATTEMPTS:
                    return answer
                asked = answer.headers.get("Retry-After", "")
                wait = min(float(asked), _ASKED_FOR) if asked.isdigit() else wait
            time.sleep(wait)
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
        here = urlsplit(url).netloc == urlsplit(self._address(host)).netloc
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
        if realm.startswith("http://") and self._address(host).startswith("https://"):
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
        found = answer.json()
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
        near = _LOOPBACK.match(urlsplit(url).netloc) is not None
        name = "near" if near else "far"
        found: requests.Session | None = getattr(self._threads, name, None)
        if found is None:
            found = requests.Session()
            found.trust_env = not near
            found.auth = _unchanged  # else ~/.netrc would take the header's place
            found.headers["User-Agent"] = "compile-matrix"
            setattr(self._threads, name, found)
        return found

    def _address(self, host: str) -> str:
        plain = host in self._plain or _LOOPBACK.match(host) is not None
        name = "registry-1.docker.io" if host == HUB else host
        return f"{'http' if plain else 'https'}://{name}"


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _split(repository: str) -> tuple[str, str]:
    """Return host and path of a repository.

    >>> _split("acme/server"), _split("localhost:5000/a")
    (('docker.io', 'acme/server'), ('localhost:5000', 'a'))
    """
    full = canonical_tag(f"{repository}:latest")
    if full is None:
        raise RegistryError(f"{repository!r} is no repository")
    host, _, path = full.rpartition(":")[0].partition("/")
    return host, path


def _host(repository: str) -> str:
    return _split(repository)[0]


def _basic(user: str, secret: str) -> str:
    return base64.b64encode(f"{user}:{secret}".encode()).decode()


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def _refusal(answer: requests.Response, method: str, repository: str) -> str:
    """Say what a registry answered, without what it was asked with."""
    code = answer.status_code
    what = "be read" if method in {"GET", "HEAD"} else "be written to"
    if code in {requests.codes.unauthorized, requests.codes.forbidden}:
        return f"does not let {repository} {what} ({code}): log in, by `docker login`"
    try:
        errors = answer.json()["errors"]
        said = "; ".join(str(one.get("message") or one.get("code")) for one in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        said = answer.reason or ""
    return f"does not let {repository} {what}: {code} {' '.join(said.split())[:200]}".rstrip()


def _short(error: requests.RequestException) -> str:
    """Return why a connection failed, in few words and without addresses.

    >>> _short(requests.exceptions.ReadTimeout("..."))
    'it took too long'
    """
    if isinstance(error, requests.exceptions.Timeout):
        return "it took too long"
    text = str(error)
    for words in ("Connection refused", "Connection reset", "Name or service not known"):
        if words in text:
            return words.lower()
    return "the connection broke off"
