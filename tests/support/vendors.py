"""Products: how each differs from the specification, by its documentation and bug reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from support.vendor_server import Reply, Vendor, error


_IMAGE_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.container.image.v1+json",
    }
)


class DockerHub(Vendor):
    """It answers 401 for missing repositories, even with a valid token, and limits pulls."""

    service = "registry.docker.io"
    page_size = 100
    headers: ClassVar = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "99;w=21600"}

    def missing(self, path: str, *, writes: bool) -> Reply | None:  # noqa: D102 - as inherited
        if writes:
            return None
        reply = error(401, "UNAUTHORIZED", "authentication required")
        (challenge,) = self.challenges(f"repository:{path}:pull")
        headers = {"WWW-Authenticate": f'{challenge},error="insufficient_scope"'}
        return reply._replace(headers=headers)

    def interrupts(self, number: int) -> Reply | None:  # noqa: D102 - as inherited
        if number % 37 != 36:
            return None
        reply = error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.")
        return reply._replace(headers={"Retry-After": "1"})


class Ecr(Vendor):
    """Passwords instead of tokens; no repository is created, no upload cancelled.

    A tag can be assigned only once, even to the same image, apart from those that are excluded.
    """

    realm = ""
    creates_repositories = False

    def challenges(self, scope: str) -> list[str]:  # noqa: D102 - as inherited
        del scope
        return [f'Basic realm="https://{self.address}/",service="ecr.amazonaws.com"']

    def missing(self, path: str, *, writes: bool) -> Reply | None:  # noqa: D102 - as inherited
        del writes
        text = f"The repository with name '{path}' does not exist in the registry with id '123'"
        return error(404, "NAME_UNKNOWN", text)

    def rejects(  # noqa: D102 - as inherited
        self, path: str, reference: str, manifest: Mapping[str, Any]
    ) -> Reply | None:
        del manifest
        if self.has_version_tag(path, reference):
            text = f"The image tag '{reference}' already exists and the repository is immutable."
            return error(400, "TAG_INVALID", text)
        return None

    def referrers(self, path: str, digest: str) -> Reply | None:  # noqa: D102 - as inherited
        del path, digest
        return Reply(404, b"404 page not found")

    def cancel(self) -> Reply | None:  # noqa: D102 - as inherited
        return error(405, "UNSUPPORTED", "The operation is unsupported.")


class GoogleArtifactRegistry(Vendor):
    """All tags in one page, together with all manifests; repositories have three levels.

    A blob is sent in one request, or in one chunk.
    """

    realm = "/v2/token"

    def missing(self, path: str, *, writes: bool) -> Reply | None:  # noqa: D102 - as inherited
        repository = "/".join(path.split("/")[:2])
        if repository not in self.existing:
            return error(404, "NAME_UNKNOWN", f'Repository "{repository}" not found')
        return super().missing(path, writes=writes)

    def tags(  # noqa: D102 - as inherited
        self, path: str, names: list[str], query: Mapping[str, str]
    ) -> Reply:
        del query
        store = self.model.repository(f"{self.address}/{path}")
        manifests = {digest: {"imageSizeBytes": "1", "tag": []} for digest in store.manifests}
        return Reply(200, {"child": [], "manifest": manifests, "name": path, "tags": names})

    def referrers(self, path: str, digest: str) -> Reply | None:  # noqa: D102 - as inherited
        del path, digest
        return error(404, "NOT_FOUND", "not found")

    def next_chunk(self) -> Reply | None:  # noqa: D102 - as inherited
        return error(416, "BLOB_UPLOAD_INVALID", "chunked uploads are not supported")


class Ghcr(Vendor):
    """No token to read a missing package; referrers redirect to a host that answers 429."""

    service = "ghcr.io"
    page_size = 100

    def grants(self, path: str, actions: str) -> bool:  # noqa: D102 - as inherited
        return path in self.existing or "push" in actions

    def referrers(self, path: str, digest: str) -> Reply | None:  # noqa: D102 - as inherited
        location = f"http://{self.storage}/-/v2/packages/{path}/referrers/{digest}"
        return Reply(303, b"", {"Location": location})


class Harbor(Vendor):
    """401 for a missing project; tags that a rule makes immutable have status 412."""

    realm = "/service/token"
    service = "harbor-registry"
    page_size = 10

    def missing(self, path: str, *, writes: bool) -> Reply | None:  # noqa: D102 - as inherited
        project = path.split("/", maxsplit=1)[0]
        if project not in self.existing:
            reply = error(401, "UNAUTHORIZED", f"unauthorized: project {project} not found")
            return reply._replace(headers={"WWW-Authenticate": self.challenges("")})
        return None if writes else error(404, "NOT_FOUND", f"repository {path} not found")

    def rejects(  # noqa: D102 - as inherited
        self, path: str, reference: str, manifest: Mapping[str, Any]
    ) -> Reply | None:
        del manifest
        if self.has_version_tag(path, reference):
            return error(412, "PRECONDITION", f"configured as immutable: {path}:{reference}")
        return None


class Quay(Vendor):
    """401 for missing repositories; only types of images; pages with a token of their own."""

    realm = "/v2/auth"
    service = "quay.io"
    page_size = 50
    accepted_types = _IMAGE_TYPES

    def missing(self, path: str, *, writes: bool) -> Reply | None:  # noqa: D102 - as inherited
        del path
        text = "access to the requested resource is not authorized"
        return None if writes else error(401, "UNAUTHORIZED", text)

    def tags(  # noqa: D102 - as inherited
        self, path: str, names: list[str], query: Mapping[str, str]
    ) -> Reply:
        start = int(query.get("next_page", "p0")[1:])
        page, end = names[start : start + self.page_size], start + self.page_size
        link = f"<http://{self.address}/v2/{path}/tags/list?next_page=p{end}>; rel=next"
        return Reply(200, {"name": path, "tags": page}, {"Link": link} if end < len(names) else {})


class Gitea(Vendor):
    """Two challenges; each page of tags refers to a further one; no mounting, no referrers."""

    realm = "/v2/token"
    service = "container_registry"
    page_size = 50

    def __init__(self) -> None:
        """Create an empty registry."""
        super().__init__()
        self.model.mounts = False

    def challenges(self, scope: str) -> list[str]:  # noqa: D102 - as inherited
        del scope
        realm = f"http://{self.address}{self.realm}"
        bearer = f'Bearer realm="{realm}",service="{self.service}",scope="*"'
        return ["Basic", bearer]

    def tags(  # noqa: D102 - as inherited
        self, path: str, names: list[str], query: Mapping[str, str]
    ) -> Reply:
        following = [name for name in names if name > query.get("last", "")]
        page = following[: self.page_size]
        last = page[-1] if page else query.get("last", "")
        link = f'</v2/{path}/tags/list?n={self.page_size}&last={last}>; rel="next"'
        return Reply(200, {"name": path, "tags": page}, {"Link": link})

    def referrers(self, path: str, digest: str) -> Reply | None:  # noqa: D102 - as inherited
        del path, digest
        return Reply(404, b"Not Found")


class Artifactory(Vendor):
    """Several challenges in one header, not all of them quoted; errors without codes."""

    realm = "/artifactory/api/docker/docker-local/v2/token"
    service = "artifactory"

    def challenges(self, scope: str) -> list[str]:  # noqa: D102 - as inherited
        realm = f"http://{self.address}{self.realm}"
        bearer = f"Bearer realm={realm},service=artifactory,scope={scope}"
        return [f'Negotiate, Basic realm="Artifactory Realm", {bearer}']

    def missing(self, path: str, *, writes: bool) -> Reply | None:  # noqa: D102 - as inherited
        del path
        if writes:
            return None
        return Reply(404, {"errors": [{"status": 404, "message": "Not Found"}]})

    def referrers(self, path: str, digest: str) -> Reply | None:  # noqa: D102 - as inherited
        del path, digest
        return Reply(400, {"errors": [{"status": 400, "message": "Unsupported request"}]})


class GitLab(Vendor):
    """Tokens that expire soon, and only media types that it knows."""

    realm = "/jwt/auth"
    service = "container_registry"
    page_size = 100
    token_requests = 9
    accepted_types = _IMAGE_TYPES

    def challenges(self, scope: str) -> list[str]:  # noqa: D102 - as inherited
        return [f'{super().challenges(scope)[0]},error="invalid_token"']

    def referrers(self, path: str, digest: str) -> Reply | None:  # noqa: D102 - as inherited
        del path, digest
        return Reply(404, b"404 page not found")


class OverIpv6(Vendor):
    """No product: images are named by an IPv6 address, which has colons and brackets."""

    ip = "::1"


VENDORS = (
    DockerHub,
    Ecr,
    GoogleArtifactRegistry,
    Ghcr,
    Harbor,
    Quay,
    Gitea,
    Artifactory,
    GitLab,
    OverIpv6,
)
