"""Copies of layers that are larger than one request of a copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import requests
from support.layers import DIGEST, LAYER, SOURCE, TARGET, use_small_pieces
from support.model_registry import (
    HOST,
    ModelRegistries,
    ModelRegistry,
    Perform,
    digest_of,
    open_gate,
)

from compiler.external.registry.client import RegistryError
from compiler.external.registry.copying import Copier
from compiler.external.registry.responses import Response


PATCH = f"PATCH {TARGET}/blobs/uploads/1"


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_pieces(monkeypatch)


@pytest.fixture
def model() -> ModelRegistry:
    """Return registries, one of which has the layer."""
    model = ModelRegistry()
    model.repository(SOURCE).blobs[DIGEST] = LAYER
    return model


def respond(
    status: int,
    code: str = "",
    headers: Mapping[str, str] | None = None,
    *,
    redirected: bool = False,
) -> Response:
    """Return a response with an error of the specification, or without one."""
    return Response(
        status=status,
        reason="no",
        url=f"http://{TARGET}",
        redirected=redirected,
        headers=headers or {},
        content=f'{{"errors": [{{"code": "{code}"}}]}}'.encode() if code else b"",
    )


def copy(model: ModelRegistry, gate: Callable[[str, str, Perform], Response] = open_gate) -> None:
    """Copy the layer, and check the copy."""
    ModelRegistries(model, gate).copy_blob(SOURCE, TARGET, DIGEST, len(LAYER))
    assert model.repository(TARGET).blobs == {DIGEST: LAYER}


def rejecting(
    method: str, path: str, response: Response, after: int = 0
) -> Callable[[str, str, Perform], Response]:
    """Return a gate that rejects requests, but for the first ones."""
    count = 0

    def gate(actual: str, where: str, perform: Perform) -> Response:
        nonlocal count
        if actual != method or path not in where:
            return perform()
        count += 1
        return perform() if count <= after else response

    return gate


@pytest.mark.parametrize("after", [0, 1, 4])
@pytest.mark.parametrize(
    "response",
    [
        respond(405, "UNSUPPORTED"),
        respond(501),
        respond(404),
        respond(404, "BLOB_UPLOAD_UNKNOWN"),
        respond(400, "BLOB_UPLOAD_INVALID"),
        respond(416),
        respond(411),
    ],
    ids=lambda response: f"{response.status} {response.content!r}",
)
def test_rejected_chunks(model: ModelRegistry, response: Response, after: int) -> None:
    """The layer is sent in one request, and the next layer, too; no upload is left over."""
    registries = ModelRegistries(model, rejecting("PATCH", TARGET, response, after))
    registries.copy_blob(SOURCE, TARGET, DIGEST, len(LAYER))
    other = LAYER[::-1]
    model.repository(SOURCE).blobs[digest_of(other)] = other
    registries.copy_blob(SOURCE, TARGET, digest_of(other), len(other))

    copied = model.repository(TARGET)
    assert copied.blobs == {DIGEST: LAYER, digest_of(other): other}
    assert not copied.uploads
    assert model.writes.count(PATCH) == after
    assert not [write for write in model.writes if write.startswith("PATCH") and write != PATCH]


def test_an_upload_that_is_lost_once(model: ModelRegistry) -> None:
    """It is started over in chunks: a proxy may reject the whole layer in one request."""
    sent = 0

    def gate(method: str, _: str, perform: Perform) -> Response:
        nonlocal sent
        sent += method == "PATCH"
        if method == "PATCH" and sent == 3:
            model.repository(TARGET).uploads.clear()
            return respond(404, "BLOB_UPLOAD_UNKNOWN")
        return perform()

    ModelRegistries(model, gate).copy_blob(SOURCE, TARGET, DIGEST, len(LAYER))

    assert model.repository(TARGET).blobs == {DIGEST: LAYER}
    assert sent == 3 + 9


def test_a_registry_that_loses_chunks(model: ModelRegistry) -> None:
    """It accepts each chunk, and rejects the digest of all: the layer is sent in one request."""

    def gate(method: str, path: str, perform: Perform) -> Response:
        del path
        response = perform()
        if method == "PATCH" and model.writes.count(PATCH) == 9:
            model.repository(TARGET).uploads["1"].clear()
        return response

    copy(model, gate)

    assert len([write for write in model.writes if write.startswith("PATCH")]) == 9


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (respond(413), "413"),
        (respond(429, "TOOMANYREQUESTS"), "429"),
        (respond(503), "503"),
        (respond(403, "DENIED"), r"denied \(403\)"),
        (respond(401), r"denied \(401\)"),
    ],
)
def test_rejections_that_one_request_does_not_avoid(
    model: ModelRegistry, response: Response, message: str
) -> None:
    """They are reported, and the layer is not sent in one request."""
    with pytest.raises(RegistryError, match=message):
        copy(model, rejecting("PATCH", TARGET, response))
    assert not [write for write in model.writes if write.startswith("PUT")]


def test_a_chunk_whose_response_is_lost(model: ModelRegistry) -> None:
    """Its repetition is rejected, but the registry accepts chunks: the upload starts over."""
    lost = 0

    def gate(method: str, path: str, perform: Perform) -> Response:
        nonlocal lost
        del path
        response = perform()
        lost += method == "PATCH"
        if lost == 3 and method == "PATCH":
            raise requests.exceptions.ConnectionError
        return response

    copy(model, gate)

    sent = [write.rpartition("/")[2] for write in model.writes if write.startswith("PATCH")]
    assert sent == ["1"] * 4 + ["2"] * 9


@pytest.mark.parametrize(
    ("minimum", "ends"),
    [
        ("0", [5, 10, 15, 20, 25, 30, 35, 40, 42]),
        ("x", [5, 10, 15, 20, 25, 30, 35, 40, 42]),
        ("-7", [5, 10, 15, 20, 25, 30, 35, 40, 42]),
        ("9" * 5000, [5, 10, 15, 20, 25, 30, 35, 40, 42]),
        ("5", [5, 10, 15, 20, 25, 30, 35, 40, 42]),
        ("12", [15, 30, 42]),
        ("41", []),
        ("68719476736", []),
    ],
)
def test_the_minimum_length_of_chunks(model: ModelRegistry, minimum: str, ends: list[int]) -> None:
    """Chunks are long enough; if one would do, or if they were too large, the layer is one."""
    found = []

    def gate(method: str, path: str, perform: Perform) -> Response:
        response = perform()
        if method == "PATCH":
            found.append(len(model.repository(TARGET).uploads[path.rpartition("/")[2]]))
        if method != "POST":
            return response
        return respond(202, headers={**response.headers, "OCI-Chunk-Min-Length": minimum})

    copy(model, gate)

    assert found == ends


@pytest.mark.parametrize("chunks", [True, False])
@pytest.mark.parametrize("ranges", [0, 3, 8])
def test_a_source_that_ignores_ranges(model: ModelRegistry, *, ranges: int, chunks: bool) -> None:
    """It sends the whole layer, which is read from where the copy is, and only once."""
    reads = 0

    def gate(method: str, path: str, perform: Perform) -> Response:
        nonlocal reads
        if method == "PATCH" and not chunks:
            return respond(405)
        reads += method == "GET" and "/blobs/" in path
        model.ranges = reads <= ranges
        return perform()

    copy(model, gate)

    assert reads == (ranges + 1 if chunks or ranges else 2)  # 2: again, after a rejected chunk


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("chunks", [True, False])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LAYER[:-1] + b"x", "the registry sent other content than requested"),
        (LAYER[:-3], "the registry sent an incomplete part"),
    ],
)
def test_damaged_layers(
    model: ModelRegistry, content: bytes, message: str, *, ranges: bool, chunks: bool
) -> None:
    """They are never complete in the other registry, and no upload is left over."""
    model.ranges = ranges
    model.repository(SOURCE).blobs[DIGEST] = content
    gate = open_gate if chunks else rejecting("PATCH", TARGET, respond(405))

    with pytest.raises(RegistryError, match=message):
        copy(model, gate)

    assert model.repository(TARGET).blobs == {}
    assert not model.repository(TARGET).uploads


def test_a_mount_without_a_location(model: ModelRegistry) -> None:
    """The layer is uploaded."""
    target = f"{HOST}/acme/server"
    starts = iter([True])

    def gate(method: str, path: str, perform: Perform) -> Response:
        del path
        return respond(202) if method == "POST" and next(starts, False) else perform()

    ModelRegistries(model, gate).copy_blob(SOURCE, target, DIGEST, len(LAYER))

    assert model.repository(target).blobs == {DIGEST: LAYER}


def test_a_mounted_layer_that_is_missing(model: ModelRegistry) -> None:
    """A registry reports mounts that it does not carry out: then it gets uploads only."""
    target = f"{HOST}/acme/server"
    images = [model.add_image(SOURCE, name, platform=name) for name in ("amd64", "arm64")]
    mounts = 0

    def gate(method: str, path: str, perform: Perform) -> Response:
        nonlocal mounts
        del path
        stored = dict(model.repository(target).blobs)
        response = perform()
        if method == "POST" and response.status == 201:
            mounts += 1
            model.repository(target).blobs = stored
        return response

    copier = Copier(ModelRegistries(model, gate))
    for image in images:
        copier.copy(SOURCE, target, image.digest)

    for image in images:
        assert model.repository(target).missing(image.digest) == []
    assert mounts == 2  # the layer and the configuration of the first image


@pytest.mark.parametrize("status", [403, 405])
@pytest.mark.parametrize("exists", [True, False, None])
def test_a_redirect_that_is_valid_for_reading_only(
    model: ModelRegistry, *, status: int, exists: bool | None
) -> None:
    """Whether a layer exists is then found out by reading it; it is copied if that fails, too."""
    if exists is not False:
        model.repository(TARGET).blobs[DIGEST] = LAYER

    def gate(method: str, path: str, perform: Perform) -> Response:
        is_target = path.startswith(f"{TARGET}/blobs/sha256")
        if is_target and (method == "HEAD" or (method == "GET" and exists is None)):
            return respond(status, redirected=True)
        return perform()

    copy(model, gate)

    assert bool(model.writes) != bool(exists)


@pytest.mark.parametrize(
    "response",
    [*map(respond, (400, 401, 403, 405, 501)), respond(403, redirected=True)],
    ids=lambda response: f"{response.status} {response.redirected}",
)
def test_a_registry_without_head(model: ModelRegistry, response: Response) -> None:
    """Manifests and layers are looked up with GET."""
    image = model.add_image(SOURCE, "one", "tag")

    def gate(method: str, path: str, perform: Perform) -> Response:
        del path
        return response if method == "HEAD" else perform()

    registries = ModelRegistries(model, gate)
    assert registries.digest(SOURCE, "tag") == registries.digest(SOURCE, image.digest)
    assert registries.digest(SOURCE, "tag") == image.digest
    assert registries.digest(SOURCE, "other") is None
    for _ in range(2):
        Copier(registries).copy(SOURCE, TARGET, image.digest)
    assert model.repository(TARGET).missing(image.digest) == []
    assert len([write for write in model.writes if "/manifests/" in write]) == 1


@pytest.mark.parametrize(
    "rejection",
    [respond(400, "TAG_INVALID"), respond(409), respond(412), respond(403, "DENIED"), respond(405)],
    ids=lambda response: str(response.status),
)
@pytest.mark.parametrize("other", [True, False])
def test_an_immutable_tag_whose_response_is_lost(
    model: ModelRegistry, rejection: Response, *, other: bool
) -> None:
    """The repeated request is rejected, which is not an error if the tag refers to the image."""
    image = model.add_image(SOURCE, "one")
    if other:
        model.add_image(SOURCE, "two", "v1")
    methods = []

    def gate(method: str, path: str, perform: Perform) -> Response:
        del path
        methods.append(method)
        if method == "PUT" and len(methods) == 2:
            return rejection
        if method != "PUT":
            return perform()
        if not other:
            perform()
        raise requests.exceptions.ConnectionError

    registries = ModelRegistries(model, gate)
    if other:
        with pytest.raises(RegistryError, match=str(rejection.status)):
            registries.put_manifest(SOURCE, "v1", image)
    else:
        registries.put_manifest(SOURCE, "v1", image)
        assert model.digest(f"{SOURCE}:v1") == image.digest
    assert methods == ["PUT", "PUT", "GET"]


def test_a_tag_that_is_rejected_at_once(model: ModelRegistry) -> None:
    """No further request is sent: nothing was lost."""
    image = model.add_image(SOURCE, "one", "v1")
    registries = ModelRegistries(model, rejecting("PUT", SOURCE, respond(400, "TAG_INVALID")))

    with pytest.raises(RegistryError, match="TAG_INVALID"):
        registries.put_manifest(SOURCE, "v1", image)
    assert registries.requests == 1
